//! The records that are copied: their names for the operator, their expiry, how to restore and find them.

use std::fmt;

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::{CopyError, CopySide};
use crate::{
    auth::SecretKind,
    domain::{
        clock::Timestamp,
        error::Result,
        ledger_kind::{LedgerKind, OnCopy},
        port::{HeldTrial, LedgerEntry, LedgerKey, Restoration, TrialHolding},
        registration_code::CodeEntry,
        temp_pass::TempPassKey,
    },
};

/// A part of a store's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyPart {
    /// The ledger entries of a kind.
    Ledger(LedgerKind),
    /// Records of codes that were not released.
    Codes,
    /// Tombstones.
    ReleasedCodes,
    /// Trials, each with the device that started it.
    Trials,
    /// Other devices and generic keys that are bound to trials.
    Bindings,
}

impl CopyPart {
    /// The parts that are copied.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let kinds = LedgerKind::ALL.iter().filter(|kind| kind.on_copy() != OnCopy::Skipped);
        let others = [Self::Codes, Self::ReleasedCodes, Self::Trials, Self::Bindings];
        kinds.copied().map(Self::Ledger).chain(others)
    }
}

impl fmt::Display for CopyPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ledger(kind) => kind.as_str(),
            Self::Codes => "codes",
            Self::ReleasedCodes => "released codes",
            Self::Trials => "trials",
            Self::Bindings => "bindings to trials",
        })
    }
}

/// A record to copy. Its `Display` form is only its name, which contains no secret.
pub(super) enum CopyRecord {
    /// An opened secret.
    Secret { kind: SecretKind, name: Vec<u8>, secret: Vec<u8>, end: Option<Timestamp> },
    /// A secret that cannot be opened. Servers treat it as absent, so it is not copied.
    Unreadable { kind: SecretKind, name: Vec<u8> },
    /// A ledger entry.
    Entry { key: LedgerKey, entry: LedgerEntry },
    /// A code.
    Code(Box<CodeEntry>),
    /// A trial or a binding to one.
    Holding(TrialHolding),
}

impl CopyRecord {
    pub(super) fn part(&self) -> CopyPart {
        match self {
            Self::Secret { kind, .. } | Self::Unreadable { kind, .. } => CopyPart::Ledger(kind.ledger_kind()),
            Self::Entry { key, .. } => CopyPart::Ledger(key.kind),
            Self::Code(entry) if entry.release_time.is_none() => CopyPart::Codes,
            Self::Code(_) => CopyPart::ReleasedCodes,
            Self::Holding(TrialHolding { held: HeldTrial::Own { .. }, .. }) => CopyPart::Trials,
            Self::Holding(_) => CopyPart::Bindings,
        }
    }

    /// Its expiry, if it has one.
    pub(super) fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Secret { end, .. } => *end,
            Self::Unreadable { .. } => None,
            Self::Entry { entry, .. } => entry.expire_time,
            Self::Code(entry) => Some(entry.registration.forget_time()),
            Self::Holding(holding) => Some(holding.held.forget_time()),
        }
    }

    /// Restores the record on a side where it is missing. `None` if this record is not copied.
    pub(super) async fn restore_to(&self, side: &CopySide) -> Result<Option<Restoration>> {
        let CopySide { store, secrets, clock } = side;
        if super::ends_by(self, clock.now()) {
            return Ok(Some(Restoration::Ended));
        }
        Ok(Some(match self {
            Self::Secret { kind, name, secret, end } => secrets.restore(*kind, name, secret, *end).await?,
            Self::Unreadable { .. } => return Ok(None),
            Self::Entry { key, entry } => match store.ledger.put_if_absent(key, entry.clone()).await? {
                None => Restoration::Restored,
                Some(present) if present == *entry => Restoration::Present,
                Some(_) => Restoration::Differs,
            },
            Self::Code(entry) => store.transfer.restore_code(entry).await?,
            Self::Holding(holding) => store.transfer.restore_holding(holding).await?,
        }))
    }

    /// Whether the record exists on a side with the same content.
    pub(super) async fn is_in(&self, side: &CopySide) -> Result<bool> {
        let CopySide { store, secrets, .. } = side;
        Ok(match self {
            Self::Secret { kind, name, secret, end } => {
                secrets.get(*kind, name).await?.is_some_and(|present| present.is(secret, *end))
            }
            Self::Unreadable { .. } => true,
            Self::Entry { key, entry } => store.ledger.get(key).await?.as_ref() == Some(entry),
            Self::Code(entry) => store.codes.get(&entry.registration.key()).await?.as_ref() == Some(&**entry),
            Self::Holding(TrialHolding { temp_pass, holder, held }) => {
                store.transfer.holding(temp_pass, holder).await?.as_ref() == Some(held)
            }
        })
    }
}

impl fmt::Display for CopyRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { kind, name, .. } | Self::Unreadable { kind, name } => {
                formatter.write_str(&kind.describe(name))
            }
            Self::Entry { key, .. } => formatter.write_str(&entry_name(key.kind, &key.name)),
            // Anyone who has a code can use it. The record's id identifies it just as well.
            Self::Code(entry) => {
                let registration = &entry.registration;
                let (environment, requestor) = (&registration.environment, &registration.requestor);
                write!(formatter, "the code of {requestor} in {environment} with the id {}", registration.id)
            }
            Self::Holding(TrialHolding { temp_pass, holder, .. }) => {
                let TempPassKey { environment, requestor, mvpd } = temp_pass;
                write!(
                    formatter,
                    "the trial of {mvpd} for {requestor} in {environment} that the {holder} has"
                )
            }
        }
    }
}

/// The name of a ledger entry for the operator.
pub(super) fn entry_name(kind: LedgerKind, name: &[u8]) -> String {
    format!("the {kind} \"{}\"", name.escape_ascii())
}

impl CopySide {
    /// The ledger entries of a kind that are copied.
    pub(super) fn ledger_records(
        &self,
        kind: LedgerKind,
    ) -> BoxStream<'_, std::result::Result<CopyRecord, CopyError>> {
        if kind.on_copy() == OnCopy::Skipped {
            return stream::empty().boxed();
        }
        let failed = move |error| CopyError::unfinished(format!("an entry of the kind {kind}"), error);
        let entries = self.store.transfer.entries(kind).map_err(failed);
        match SecretKind::of(kind) {
            None => entries
                .map_ok(move |(name, entry)| CopyRecord::Entry { key: LedgerKey { kind, name }, entry })
                .boxed(),
            Some(kind) => entries
                .try_filter_map(move |(name, _)| async move {
                    let opened = self.open(kind, name.clone()).await;
                    opened.map_err(|error| CopyError::unfinished(kind.describe(&name), error))
                })
                .boxed(),
        }
    }

    async fn open(&self, kind: SecretKind, name: Vec<u8>) -> Result<Option<CopyRecord>> {
        let Some(stored) = self.secrets.get(kind, &name).await? else { return Ok(None) };
        Ok(Some(match stored.opened {
            Ok(secret) => CopyRecord::Secret { kind, name, secret, end: stored.end },
            // It is damaged or was never sealed: before the copy started, a check found no missing keys.
            Err(_) => CopyRecord::Unreadable { kind, name },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_secrets_are_resealed() {
        for kind in LedgerKind::ALL {
            assert_eq!(SecretKind::of(*kind).is_some(), kind.on_copy() == OnCopy::Resealed, "{kind}");
        }
    }
}
