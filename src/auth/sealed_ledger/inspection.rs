//! What a key ring can do with the secrets that there are. There may be a million: they pass by one at a time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;

use super::{SealedLedger, SecretKind, context};
use crate::{
    auth::{KeyRing, key_ring::SealError},
    domain::error::{Result, Violation, Violations},
};

/// What an operator's mistake with the key ring is told about.
const FIELD: &str = "store.key_ring";

/// How many secrets are told by their names, of each kind and for each reason. The others are counted.
const NAMES_MAX: usize = 8;

/// What a ring makes of the secrets.
#[derive(Default)]
struct Findings {
    /// How many it would seal otherwise than they are.
    outdated: usize,
    /// The keys that have opened something, by their ids.
    fitting: BTreeSet<Vec<u8>>,
    unopened: BTreeMap<(SecretKind, SealError), Unopened>,
}

/// Secrets of one kind that cannot be opened for the same reason.
#[derive(Default)]
struct Unopened {
    count: usize,
    /// The first ones' names, where those tell something.
    names: Vec<String>,
}

impl SealedLedger {
    /// How many secrets are sealed with another key than the ring's first one, or with none although there is a ring.
    ///
    /// # Errors
    /// What cannot be opened, with the key that it takes: without it, who goes on would lose it for good. Those of the store.
    pub async fn outdated(&self) -> Result<usize> {
        let key_ring = self.key_ring.read().await.clone();
        self.inspect(&key_ring).await
    }

    /// How many secrets this ring would seal otherwise than they are.
    ///
    /// What is no seal at all is passed over: its reader takes it for absent. So is a device that does not open although its key
    /// opens others: the record is damaged, and must not keep the server from its start.
    ///
    /// # Errors
    /// See [`outdated`](Self::outdated).
    pub(super) async fn inspect(&self, key_ring: &KeyRing) -> Result<usize> {
        let mut findings = Findings::default();
        for kind in SecretKind::ALL {
            let mut entries = self.ledger.scan(kind.ledger_kind());
            while let Some((name, entry)) = entries.try_next().await? {
                let opened = key_ring.open(&entry.value, &context(kind, &name));
                findings.outdated += usize::from(opened.is_ok() && !key_ring.is_present(&entry.value));
                match opened {
                    Ok(_) => findings.fits(KeyRing::key_id(&entry.value)),
                    Err(SealError::Unreadable) => {}
                    Err(error) => findings.unopened.entry((kind, error)).or_default().add(kind, &name),
                }
            }
        }
        findings.into_outdated()
    }
}

impl Findings {
    fn fits(&mut self, key: Option<&[u8]>) {
        if let Some(key) = key.filter(|key| !self.fitting.contains(*key)) {
            self.fitting.insert(key.to_vec());
        }
    }

    fn is_damage(&self, kind: SecretKind, error: &SealError) -> bool {
        match error {
            SealError::KeyWrong(key) => !kind.has_telling_names() && self.fitting.contains(key.as_bytes()),
            SealError::KeyMissing(_) | SealError::Unreadable => false,
        }
    }

    fn into_outdated(mut self) -> Result<usize> {
        let unopened = std::mem::take(&mut self.unopened);
        let unopened = unopened.into_iter().filter(|((kind, error), _)| !self.is_damage(*kind, error));
        let mut violations = Violations::default();
        for ((kind, error), Unopened { count, names }) in unopened {
            let more = count - names.len();
            let more = (more > 0).then(|| match names.len() {
                0 => format!("{more} of the {}", kind.plural()),
                _ => format!("{more} more of the {}", kind.plural()),
            });
            let told = names.into_iter().chain(more);
            violations.extend(told.map(|what| Violation::new(FIELD, format!("{what}: {error}"))));
        }
        if violations.is_empty() { Ok(self.outdated) } else { Err(violations.into_error()) }
    }
}

impl Unopened {
    fn add(&mut self, kind: SecretKind, name: &[u8]) {
        self.count += 1;
        if kind.has_telling_names() && self.names.len() < NAMES_MAX {
            self.names.push(kind.describe(name));
        }
    }
}
