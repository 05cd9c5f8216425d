//! Copies the whole content of one store to another, then compares both in both directions. An interrupted copy resumes
//! when it is started again.
//!
//! A mark in the target names the store that it is a copy of. It is written first and removed last. No server starts on
//! a store with this mark.

mod error;
mod record;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{
    audit::{AuditEvent, AuditLog, AuditOutcome},
    master_key::MasterKey,
    operator::Operator,
};
use crate::{
    auth::SealedLedger,
    domain::{
        clock::{SharedClock, Timestamp},
        error::Result,
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerEntry, LedgerKey, Restoration, Store},
    },
    format::IdV1,
};
pub(crate) use error::CopyError;
pub(crate) use record::CopyPart;
use record::CopyRecord;

/// The number of records in flight.
const CONCURRENT: usize = 256;

/// A record that expires within this time may be missing: the comparison of clocks crosses a network.
const ABOUT_TO_END: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct CopySide {
    /// The store.
    pub store: Store,
    /// Its secrets, with the key ring that opens and seals them.
    pub secrets: Arc<SealedLedger>,
    /// Its clock.
    pub clock: SharedClock,
}

/// A copy of one store to another. No other process may use either.
pub(crate) struct StoreCopy {
    /// The source, which has this master key.
    pub from: CopySide,
    /// The target.
    pub to: CopySide,
    /// The master key of both.
    pub master_key: MasterKey,
    /// The target's audit log.
    pub audit: AuditLog,
}

/// What the copy did with the records of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CopyCounts {
    /// Records that were copied.
    pub copied: u64,
    /// Records that an earlier, interrupted copy had already copied.
    pub present: u64,
    /// Records that expired before they were copied.
    pub ended: u64,
}

/// The result of a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// The counts of each part, including empty ones.
    pub parts: BTreeMap<CopyPart, CopyCounts>,
    /// Secrets that no key ring opens, because they were never sealed or are damaged. Servers treat them as absent.
    pub unreadable: Vec<String>,
}

impl CopyReport {
    /// The total of all parts.
    #[must_use]
    pub fn total(&self) -> CopyCounts {
        self.parts.values().fold(CopyCounts::default(), |total, counts| CopyCounts {
            copied: total.copied + counts.copied,
            present: total.present + counts.present,
            ended: total.ended + counts.ended,
        })
    }
}

fn mark() -> LedgerKey {
    LedgerKey { kind: LedgerKind::StoreCopy, name: b"unfinished".to_vec() }
}

/// Whether the store is the target of an unfinished copy.
///
/// # Errors
/// Those of the store.
pub(crate) async fn is_unfinished(ledger: &dyn Ledger) -> Result<bool> {
    Ok(ledger.get(&mark()).await?.is_some())
}

impl StoreCopy {
    /// Copies and compares. Leaves an entry in the target's audit log.
    ///
    /// # Errors
    /// The reason that the copy is incomplete, with the record concerned. What was copied stays.
    pub(crate) async fn run(&self, operator: &Operator) -> std::result::Result<CopyReport, CopyError> {
        let outcome = self.copy_and_compare().await;
        let Operator { name: caller, origin } = operator;
        let subject = outcome.as_ref().ok().map(CopyReport::total);
        let end = match &outcome {
            Ok(_) => AuditOutcome::Done,
            Err(CopyError::Unfinished { .. }) => AuditOutcome::Unknown,
            Err(error) => AuditOutcome::Refused(error.to_string()),
        };
        self.audit.record(&AuditEvent { name: "store_copied", caller, origin, subject, end }).await;
        outcome
    }

    async fn copy_and_compare(&self) -> std::result::Result<CopyReport, CopyError> {
        let mark = self.begin().await?;
        let copied = self.copy().await?;
        compare(&self.from, &self.to, CopyError::Missed).await?;
        compare(&self.to, &self.from, CopyError::Surplus).await?;
        let finished = self.to.store.ledger.swap(&self::mark(), Some(&mark), None).await;
        finished.map_err(|error| CopyError::unfinished("the mark of the copy", error))?;
        Ok(copied)
    }

    /// Marks the target, which must be empty or already have the mark of this copy.
    async fn begin(&self) -> std::result::Result<Vec<u8>, CopyError> {
        let value = IdV1::encode(self.master_key.copy_id());
        let ledger = &self.to.store.ledger;
        match ledger.get(&mark()).await.map_err(|error| CopyError::Target(error.into()))? {
            Some(present) if present.value == value => return Ok(value),
            Some(_) => return Err(CopyError::AnotherCopy),
            None => {}
        }
        if let Some(record) = self.to.first_record().await? {
            return Err(CopyError::Occupied(record));
        }
        let entry = LedgerEntry { value: value.clone(), expire_time: None };
        match ledger.put_if_absent(&mark(), entry).await {
            Ok(None) => Ok(value),
            Ok(Some(_)) => Err(CopyError::AnotherCopy),
            Err(error) => Err(CopyError::unfinished("the mark of the copy", error)),
        }
    }

    async fn copy(&self) -> std::result::Result<CopyReport, CopyError> {
        let mut copied = CopyReport::default();
        copied.parts.extend(CopyPart::all().map(|part| (part, CopyCounts::default())));
        let mut restored = self
            .from
            .records()
            .map_ok(|record| async move {
                match record.restore_to(&self.to).await {
                    Ok(restoration) => Ok((record, restoration)),
                    Err(error) => Err(CopyError::unfinished(&record, error)),
                }
            })
            .try_buffer_unordered(CONCURRENT);
        while let Some((record, restoration)) = restored.try_next().await? {
            let counts = copied.parts.entry(record.part()).or_default();
            match restoration {
                Some(Restoration::Restored) => counts.copied += 1,
                Some(Restoration::Present) => counts.present += 1,
                Some(Restoration::Ended) => counts.ended += 1,
                Some(Restoration::Differs) => return Err(CopyError::Differs(record.to_string())),
                None => copied.unreadable.push(record.to_string()),
            }
        }
        let recounted = self.to.store.transfer.recount_codes().await;
        recounted.map_err(|error| CopyError::unfinished("the count of live codes", error))?;
        Ok(copied)
    }
}

/// Checks that everything in `one` is also in `other`, with the same content. Expired records may be missing.
async fn compare(
    one: &CopySide,
    other: &CopySide,
    lacks: fn(String) -> CopyError,
) -> std::result::Result<(), CopyError> {
    one.records()
        .map_ok(|record| async move {
            let is_there = record.is_in(other).await;
            let is_there = is_there.map_err(|error| CopyError::unfinished(&record, error))?;
            let now = one.clock.now().max(other.clock.now());
            if is_there || ends_by(&record, now + ABOUT_TO_END) {
                Ok(())
            } else {
                Err(lacks(record.to_string()))
            }
        })
        .try_buffer_unordered(CONCURRENT)
        .try_for_each(|()| async { Ok(()) })
        .await
}

fn ends_by(record: &CopyRecord, time: Timestamp) -> bool {
    record.end().is_some_and(|end| end <= time)
}

impl CopySide {
    /// The name of any record, if there is one.
    async fn first_record(&self) -> std::result::Result<Option<String>, CopyError> {
        let failed = |error: crate::domain::error::StoreError| CopyError::Target(error.into());
        for kind in LedgerKind::ALL {
            if let Some((name, _)) = self.store.transfer.entries(*kind).try_next().await.map_err(failed)? {
                return Ok(Some(record::entry_name(*kind, &name)));
            }
        }
        if let Some(entry) = self.store.transfer.codes().try_next().await.map_err(failed)? {
            return Ok(Some(CopyRecord::Code(Box::new(entry)).to_string()));
        }
        let holding = self.store.transfer.holdings().try_next().await.map_err(failed)?;
        Ok(holding.map(|holding| CopyRecord::Holding(holding).to_string()))
    }

    /// Everything to copy, ledger entries first: reading a stored response may write its code to the store, which its
    /// server had left to do.
    fn records(&self) -> stream::BoxStream<'_, std::result::Result<CopyRecord, CopyError>> {
        let ledger = stream::iter(LedgerKind::ALL).map(|kind| self.ledger_records(*kind)).flatten();
        let codes = self.store.transfer.codes().map_ok(|entry| CopyRecord::Code(Box::new(entry)));
        let codes = codes.map_err(|error| CopyError::unfinished("a code", error));
        let holdings = self.store.transfer.holdings().map_ok(CopyRecord::Holding);
        let holdings = holdings.map_err(|error| CopyError::unfinished("a trial", error));
        ledger.chain(codes).chain(holdings).boxed()
    }
}

#[cfg(test)]
mod tests;
