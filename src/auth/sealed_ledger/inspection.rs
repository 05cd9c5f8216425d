//! Checks whether a key ring opens all secrets. There may be a million, so they are read one at a time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;

use super::{SealedLedger, SecretKind, context};
use crate::{
    auth::{KeyRing, key_ring::SealError},
    domain::error::{Result, Violation, Violations},
};

/// The configuration key that violations name.
const FIELD: &str = "store.key_ring";

/// The maximum number of secrets that are named for each kind and reason. The others are counted.
const NAMES_MAX: usize = 8;

/// The result of checking a ring against the secrets.
#[derive(Default)]
struct InspectionFindings {
    /// The number of secrets that are not sealed with the ring's sealing key.
    outdated: usize,
    /// The ids of the keys that have opened a secret.
    fitting: BTreeSet<Vec<u8>>,
    unopened: BTreeMap<(SecretKind, SealError), UnreadableSecrets>,
}

/// Secrets of one kind that cannot be opened for the same reason.
#[derive(Default)]
struct UnreadableSecrets {
    count: usize,
    /// The names of the first ones, if their kind has telling names.
    names: Vec<String>,
}

impl SealedLedger {
    /// Returns the number of secrets that are not sealed with the ring's first key.
    ///
    /// # Errors
    /// Secrets cannot be opened: the violations name them and the key that they require. Continuing without that key could
    /// lose them permanently. Or the store fails.
    pub async fn outdated(&self) -> Result<usize> {
        let key_ring = self.key_ring.read().await.clone();
        self.inspect(&key_ring).await
    }

    /// Returns the number of secrets that are not sealed with the first key of this ring.
    ///
    /// Skips values without the format of a sealed secret, which readers treat as absent. Also skips a device that cannot be
    /// opened although its key opens other secrets: the record is damaged, and must not prevent the server from starting.
    ///
    /// # Errors
    /// See [`outdated`](Self::outdated).
    pub(super) async fn inspect(&self, key_ring: &KeyRing) -> Result<usize> {
        let mut findings = InspectionFindings::default();
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

impl InspectionFindings {
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
        for ((kind, error), UnreadableSecrets { count, names }) in unopened {
            let more = count - names.len();
            let more = (more > 0).then(|| match names.len() {
                0 => format!("{more} of the {}", kind.plural()),
                _ => format!("{more} more of the {}", kind.plural()),
            });
            let descriptions = names.into_iter().chain(more);
            violations.extend(descriptions.map(|what| Violation::new(FIELD, format!("{what}: {error}"))));
        }
        if violations.is_empty() { Ok(self.outdated) } else { Err(violations.into_error()) }
    }
}

impl UnreadableSecrets {
    fn add(&mut self, kind: SecretKind, name: &[u8]) {
        self.count += 1;
        if kind.has_telling_names() && self.names.len() < NAMES_MAX {
            self.names.push(kind.describe(name));
        }
    }
}
