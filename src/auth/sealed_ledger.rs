//! Secrets in the ledger: sealed on write, opened on read. Secrets are sealed only here, so that a rotation of the key ring
//! finds all of them.

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

/// A secret as read from the ledger.
#[derive(Clone)]
pub struct SealedSecret {
    /// The secret, or the reason why it cannot be opened.
    pub opened: std::result::Result<Vec<u8>, SealError>,
    /// The sealed value as stored, for a later swap.
    pub sealed: Vec<u8>,
    /// When it expires, if it does.
    pub end: Option<Timestamp>,
}

impl SealedSecret {
    /// Whether it has this value and this expiry.
    #[must_use]
    pub fn is(&self, secret: &[u8], end: Option<Timestamp>) -> bool {
        self.opened.as_deref() == Ok(secret) && self.end == end
    }
}

/// The secrets of a ledger.
pub struct SealedLedger {
    ledger: Arc<dyn Ledger>,
    randomness: SharedRandomness,
    /// Each write of a secret holds a read lock until it is stored, so that a rotation does not miss the secret.
    key_ring: RwLock<Arc<KeyRing>>,
    /// Held during a rotation, which takes long if there are many secrets.
    rotating: tokio::sync::Mutex<()>,
    /// The announcement to other replicas of the last rotation that started here.
    announced: Mutex<Option<Vec<u8>>>,
}

impl SealedLedger {
    /// Creates the view of a ledger whose secrets are sealed with `key_ring`.
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

    /// Returns the secret, if it exists and has not expired.
    ///
    /// # Errors
    /// The store fails.
    pub async fn get(&self, kind: SecretKind, name: &[u8]) -> Result<Option<SealedSecret>> {
        let key_ring = self.key_ring.read().await;
        let Some(entry) = self.read(kind, name).await? else { return Ok(None) };
        let opened = key_ring.open(&entry.value, &context(kind, name));
        Ok(Some(SealedSecret { opened, sealed: entry.value, end: entry.expire_time }))
    }

    /// Returns the secret still sealed, if it exists and has not expired. For callers that cache opened secrets by their sealed
    /// value.
    ///
    /// # Errors
    /// The store fails.
    pub async fn read(&self, kind: SecretKind, name: &[u8]) -> Result<Option<LedgerEntry>> {
        Ok(self.ledger.get(&key(kind, name)).await?)
    }

    /// Opens a sealed secret that [`read`](Self::read) returned under this name.
    ///
    /// # Errors
    /// The secret cannot be opened.
    pub async fn open(
        &self,
        kind: SecretKind,
        name: &[u8],
        sealed: &[u8],
    ) -> std::result::Result<Vec<u8>, SealError> {
        self.key_ring.read().await.open(sealed, &context(kind, name))
    }

    /// Replaces the secret if its sealed value is still `before`; a `before` of `None` means that there is none. Returns the new
    /// sealed value, or `None` if the secret was not replaced.
    ///
    /// # Errors
    /// The store fails, or no randomness is available.
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

    /// Removes the secret if its sealed value is still `before`. Returns whether it did.
    ///
    /// # Errors
    /// The store fails.
    pub async fn remove(&self, kind: SecretKind, name: &[u8], before: &[u8]) -> Result<bool> {
        Ok(self.ledger.swap(&key(kind, name), Some(before), None).await?)
    }

    /// Seals and stores a secret of another store, if there is none of this name.
    ///
    /// # Errors
    /// The store fails, or no randomness is available.
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

/// Returns the context of a secret: its kind and name, so that it cannot be opened under another key.
fn context(kind: SecretKind, name: &[u8]) -> Vec<u8> {
    [kind.ledger_kind().as_str().as_bytes(), b" ", name].concat()
}
