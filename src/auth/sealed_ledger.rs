//! Secrets in the ledger: sealed when they are written, opened when they are read. Nothing else seals, so that a rotation of
//! the key ring finds everything.

mod inspection;
mod rotation;
mod secret_kind;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use tokio::sync::RwLock;

use super::{KeyRing, key_ring::SealError};
use crate::domain::{
    clock::Timestamp,
    error::Result,
    port::{Ledger, LedgerEntry, LedgerKey, Restoration},
    randomness::SharedRandomness,
};
pub use rotation::Rotation;
pub use secret_kind::SecretKind;

/// A secret as it was read.
#[derive(Clone)]
pub struct SealedSecret {
    /// The secret, or why it cannot be opened.
    pub opened: std::result::Result<Vec<u8>, SealError>,
    /// As it lies in the ledger, for a later swap.
    pub sealed: Vec<u8>,
    /// When it ends, if it does.
    pub end: Option<Timestamp>,
}

impl SealedSecret {
    /// Whether it is this one, with this end.
    #[must_use]
    pub fn is(&self, secret: &[u8], end: Option<Timestamp>) -> bool {
        self.opened.as_deref() == Ok(secret) && self.end == end
    }
}

/// The ledger's secrets.
pub struct SealedLedger {
    ledger: Arc<dyn Ledger>,
    randomness: SharedRandomness,
    /// Who writes a secret holds this until it is written, so that no rotation misses it.
    key_ring: RwLock<Arc<KeyRing>>,
    /// Held while a ring is taken, since that takes long where there are many secrets.
    rotating: tokio::sync::Mutex<()>,
    /// By what the last rotation that began here was announced to the other replicas.
    announced: Mutex<Option<Vec<u8>>>,
}

impl SealedLedger {
    /// The secrets in this ledger, sealed with this ring.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, key_ring: Arc<KeyRing>, randomness: SharedRandomness) -> Self {
        let key_ring = RwLock::new(key_ring);
        Self {
            ledger,
            randomness,
            key_ring,
            rotating: tokio::sync::Mutex::default(),
            announced: Mutex::default(),
        }
    }

    /// The secret of this name, if it has not ended.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, kind: SecretKind, name: &[u8]) -> Result<Option<SealedSecret>> {
        let key_ring = self.key_ring.read().await;
        let Some(entry) = self.read(kind, name).await? else { return Ok(None) };
        let opened = key_ring.open(&entry.value, &context(kind, name));
        Ok(Some(SealedSecret { opened, sealed: entry.value, end: entry.expire_time }))
    }

    /// The secret of this name as it lies in the ledger, if it has not ended: for whoever has opened the same before.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read(&self, kind: SecretKind, name: &[u8]) -> Result<Option<LedgerEntry>> {
        Ok(self.ledger.get(&key(kind, name)).await?)
    }

    /// Opens what was [read](Self::read) under this name.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub async fn open(
        &self,
        kind: SecretKind,
        name: &[u8],
        sealed: &[u8],
    ) -> std::result::Result<Vec<u8>, SealError> {
        self.key_ring.read().await.open(sealed, &context(kind, name))
    }

    /// Replaces the secret if it is still sealed as `before` (or, by `None`, there is none); gives the new one as it lies in
    /// the ledger then, and nothing where it was not replaced.
    ///
    /// # Errors
    /// Those of the store, and where there is no randomness.
    pub async fn swap(
        &self,
        kind: SecretKind,
        name: &[u8],
        before: Option<&[u8]>,
        secret: &[u8],
        end: Option<Timestamp>,
    ) -> Result<Option<Vec<u8>>> {
        let key_ring = self.key_ring.read().await;
        let value = key_ring.seal(secret, &context(kind, name), &*self.randomness)?;
        let entry = LedgerEntry { value: value.clone(), expire_time: end };
        Ok(self.ledger.swap(&key(kind, name), before, Some(entry)).await?.then_some(value))
    }

    /// Removes the secret if it is still sealed as `before`; false where it is not.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, kind: SecretKind, name: &[u8], before: &[u8]) -> Result<bool> {
        Ok(self.ledger.swap(&key(kind, name), Some(before), None).await?)
    }

    /// Seals a secret of another store, if there is none of this name.
    ///
    /// # Errors
    /// Those of the store, and where there is no randomness.
    pub async fn restore(
        &self,
        kind: SecretKind,
        name: &[u8],
        secret: &[u8],
        end: Option<Timestamp>,
    ) -> Result<Restoration> {
        Ok(match self.get(kind, name).await? {
            Some(present) if present.is(secret, end) => Restoration::Present,
            Some(_) => Restoration::Differs,
            None if self.swap(kind, name, None, secret, end).await?.is_some() => Restoration::Restored,
            None => Restoration::Differs,
        })
    }
}

impl std::fmt::Debug for SealedLedger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealedLedger")
    }
}

fn key(kind: SecretKind, name: &[u8]) -> LedgerKey {
    LedgerKey { kind: kind.ledger_kind(), name: name.to_vec() }
}

/// What a secret is sealed for: its place, so that it opens nowhere else.
fn context(kind: SecretKind, name: &[u8]) -> Vec<u8> {
    [kind.ledger_kind().as_str().as_bytes(), b" ", name].concat()
}
