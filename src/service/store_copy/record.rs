//! What is copied, one by one: its name for the operator, its end, how it is restored and found again.

use std::fmt;

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::{CopyError, Side};
use crate::{
    auth::SecretKind,
    domain::{
        clock::Timestamp,
        error::Result,
        ledger_kind::{LedgerKind, OnCopy},
        port::{Held, Holding, LedgerEntry, LedgerKey, Restoration},
        registration::CodeEntry,
        temp_pass::TempPassKey,
    },
};

/// A part of what a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Ledger entries of a kind.
    Ledger(LedgerKind),
    /// Records of codes that were not released.
    Codes,
    /// Tombstones.
    ReleasedCodes,
    /// Trials, each with the device that has started it.
    Trials,
    /// Other devices and generic keys that are bound to trials.
    Bindings,
}

impl Part {
    /// Those that are copied.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let kinds = LedgerKind::ALL.iter().filter(|kind| kind.on_copy() != OnCopy::Left);
        let others = [Self::Codes, Self::ReleasedCodes, Self::Trials, Self::Bindings];
        kinds.copied().map(Self::Ledger).chain(others)
    }
}

impl fmt::Display for Part {
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

/// Something that is copied. It shows its name alone, which holds no secret.
pub(super) enum Record {
    /// A secret, opened.
    Secret { kind: SecretKind, name: Vec<u8>, secret: Vec<u8>, end: Option<Timestamp> },
    /// A secret that does not open: its readers take it for absent, and it is not copied.
    Unreadable { kind: SecretKind, name: Vec<u8> },
    /// A ledger entry.
    Entry { key: LedgerKey, entry: LedgerEntry },
    /// A code.
    Code(Box<CodeEntry>),
    /// A trial, or what is bound to one.
    Holding(Holding),
}

impl Record {
    pub(super) fn part(&self) -> Part {
        match self {
            Self::Secret { kind, .. } | Self::Unreadable { kind, .. } => Part::Ledger(kind.ledger_kind()),
            Self::Entry { key, .. } => Part::Ledger(key.kind),
            Self::Code(entry) if entry.release_time.is_none() => Part::Codes,
            Self::Code(_) => Part::ReleasedCodes,
            Self::Holding(Holding { held: Held::Own { .. }, .. }) => Part::Trials,
            Self::Holding(_) => Part::Bindings,
        }
    }

    /// When it ends, if it does.
    pub(super) fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Secret { end, .. } => *end,
            Self::Unreadable { .. } => None,
            Self::Entry { entry, .. } => entry.expire_time,
            Self::Code(entry) => Some(entry.registration.forget_time()),
            Self::Holding(holding) => Some(holding.held.forget_time()),
        }
    }

    /// Puts it where it is not. `None` where it is not copied.
    pub(super) async fn restore_to(&self, side: &Side) -> Result<Option<Restoration>> {
        let Side { store, secrets, clock } = side;
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

    /// Whether it is there too, just as it is.
    pub(super) async fn is_in(&self, side: &Side) -> Result<bool> {
        let Side { store, secrets, .. } = side;
        Ok(match self {
            Self::Secret { kind, name, secret, end } => {
                secrets.get(*kind, name).await?.is_some_and(|present| present.is(secret, *end))
            }
            Self::Unreadable { .. } => true,
            Self::Entry { key, entry } => store.ledger.get(key).await?.as_ref() == Some(entry),
            Self::Code(entry) => store.codes.get(&entry.registration.key()).await?.as_ref() == Some(&**entry),
            Self::Holding(Holding { temp_pass, holder, held }) => {
                store.transfer.holding(temp_pass, holder).await?.as_ref() == Some(held)
            }
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { kind, name, .. } | Self::Unreadable { kind, name } => {
                formatter.write_str(&kind.describe(name))
            }
            Self::Entry { key, .. } => formatter.write_str(&entry_name(key.kind, &key.name)),
            // Whoever has a code can use it: its record's id names it as well.
            Self::Code(entry) => {
                let registration = &entry.registration;
                let (environment, requestor) = (&registration.environment, &registration.requestor);
                write!(formatter, "the code of {requestor} in {environment} with the id {}", registration.id)
            }
            Self::Holding(Holding { temp_pass, holder, .. }) => {
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

impl Side {
    /// The entries of a kind that are copied.
    pub(super) fn ledger_records(
        &self,
        kind: LedgerKind,
    ) -> BoxStream<'_, std::result::Result<Record, CopyError>> {
        if kind.on_copy() == OnCopy::Left {
            return stream::empty().boxed();
        }
        let failed = move |error| CopyError::unfinished(format!("an entry of the kind {kind}"), error);
        let entries = self.store.transfer.entries(kind).map_err(failed);
        match SecretKind::of(kind) {
            None => entries
                .map_ok(move |(name, entry)| Record::Entry { key: LedgerKey { kind, name }, entry })
                .boxed(),
            Some(kind) => entries
                .try_filter_map(move |(name, _)| async move {
                    let opened = self.open(kind, name.clone()).await;
                    opened.map_err(|error| CopyError::unfinished(kind.describe(&name), error))
                })
                .boxed(),
        }
    }

    async fn open(&self, kind: SecretKind, name: Vec<u8>) -> Result<Option<Record>> {
        let Some(kept) = self.secrets.get(kind, &name).await? else { return Ok(None) };
        Ok(Some(match kept.opened {
            Ok(secret) => Record::Secret { kind, name, secret, end: kept.end },
            // It is damaged, or was never sealed: that no key is missing was looked at before the copy began.
            Err(_) => Record::Unreadable { kind, name },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_nothing_else_are_sealed_anew() {
        for kind in LedgerKind::ALL {
            assert_eq!(SecretKind::of(*kind).is_some(), kind.on_copy() == OnCopy::SealedAnew, "{kind}");
        }
    }
}
