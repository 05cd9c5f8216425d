//! Copying all that one store holds to another one. What was copied is compared at the end, both ways; what was broken off is
//! begun again, and goes on.
//!
//! A mark in the target, put there first and removed last, says of which store it is to be the copy. No server starts over a
//! store that has it.

mod error;
mod record;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{
    audit::{AuditLog, End, Event},
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
pub(crate) use record::Part;
use record::Record;

/// How many records are on their way at once.
const CONCURRENT: usize = 256;

/// What ends within so much time is not missed where it is not found: clocks are compared over a network.
const ABOUT_TO_END: Duration = Duration::from_secs(5);

/// A store that is copied from or to.
#[derive(Clone)]
pub(crate) struct Side {
    /// The store.
    pub store: Store,
    /// Its secrets, with the key ring that opens and seals them.
    pub secrets: Arc<SealedLedger>,
    /// Its time.
    pub clock: SharedClock,
}

/// A copy of one store to another, neither of which anybody else uses.
pub(crate) struct StoreCopy {
    /// The store that is copied, which has this master key.
    pub from: Side,
    /// The one that it is copied to.
    pub to: Side,
    /// The master key of both.
    pub master_key: MasterKey,
    /// The target's audit log.
    pub audit: AuditLog,
}

/// What a copy did with the records of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// They were copied.
    pub copied: u64,
    /// They were there already, by a copy that was broken off.
    pub present: u64,
    /// They ended before they were copied.
    pub ended: u64,
}

/// What a copy did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// With the records of each part; also of those that had none.
    pub parts: BTreeMap<Part, Counts>,
    /// Secrets that no key ring opens, since they were never sealed or are damaged: servers take them for absent.
    pub unreadable: Vec<String>,
}

impl Copied {
    /// What it did in all.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.parts.values().fold(Counts::default(), |total, counts| Counts {
            copied: total.copied + counts.copied,
            present: total.present + counts.present,
            ended: total.ended + counts.ended,
        })
    }
}

fn mark() -> LedgerKey {
    LedgerKey { kind: LedgerKind::StoreCopy, name: b"unfinished".to_vec() }
}

/// Whether the store is to be a copy of another one, and is not whole yet.
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
    /// What keeps the copy from being whole, with the record that it is about. What was copied stays.
    pub(crate) async fn run(&self, operator: &Operator) -> std::result::Result<Copied, CopyError> {
        let outcome = self.copy_and_compare().await;
        let Operator { name: caller, origin } = operator;
        let subject = outcome.as_ref().ok().map(Copied::total);
        let end = match &outcome {
            Ok(_) => End::Done,
            Err(CopyError::Unfinished { .. }) => End::Unknown,
            Err(error) => End::Refused(error.to_string()),
        };
        self.audit.record(&Event { name: "store_copied", caller, origin, subject, end }).await;
        outcome
    }

    async fn copy_and_compare(&self) -> std::result::Result<Copied, CopyError> {
        let mark = self.begin().await?;
        let copied = self.copy().await?;
        compare(&self.from, &self.to, CopyError::Missed).await?;
        compare(&self.to, &self.from, CopyError::Surplus).await?;
        let finished = self.to.store.ledger.swap(&self::mark(), Some(&mark), None).await;
        finished.map_err(|error| CopyError::unfinished("the mark of the copy", error))?;
        Ok(copied)
    }

    /// Marks the target, which has to be empty, or to have the mark of this copy already.
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

    async fn copy(&self) -> std::result::Result<Copied, CopyError> {
        let mut copied = Copied::default();
        copied.parts.extend(Part::all().map(|part| (part, Counts::default())));
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

/// Looks whether everything that `one` has is in `other` too, just as it is, but for what is over.
async fn compare(
    one: &Side,
    other: &Side,
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

fn ends_by(record: &Record, time: Timestamp) -> bool {
    record.end().is_some_and(|end| end <= time)
}

impl Side {
    /// Any record of any kind, by its name, if there is one.
    async fn first_record(&self) -> std::result::Result<Option<String>, CopyError> {
        let failed = |error: crate::domain::error::StoreError| CopyError::Target(error.into());
        for kind in LedgerKind::ALL {
            if let Some((name, _)) = self.store.transfer.entries(*kind).try_next().await.map_err(failed)? {
                return Ok(Some(record::entry_name(*kind, &name)));
            }
        }
        if let Some(entry) = self.store.transfer.codes().try_next().await.map_err(failed)? {
            return Ok(Some(Record::Code(Box::new(entry)).to_string()));
        }
        let holding = self.store.transfer.holdings().try_next().await.map_err(failed)?;
        Ok(holding.map(|holding| Record::Holding(holding).to_string()))
    }

    /// Everything that is copied. The ledger comes first: to read a kept answer may store its code, which its server has left
    /// to do.
    fn records(&self) -> stream::BoxStream<'_, std::result::Result<Record, CopyError>> {
        let ledger = stream::iter(LedgerKind::ALL).map(|kind| self.ledger_records(*kind)).flatten();
        let codes = self.store.transfer.codes().map_ok(|entry| Record::Code(Box::new(entry)));
        let codes = codes.map_err(|error| CopyError::unfinished("a code", error));
        let holdings = self.store.transfer.holdings().map_ok(Record::Holding);
        let holdings = holdings.map_err(|error| CopyError::unfinished("a trial", error));
        ledger.chain(codes).chain(holdings).boxed()
    }
}

#[cfg(test)]
mod tests;
