//! Rotation of the key ring. First, all secrets are checked; if one cannot be opened, nothing changes. Then the ring is
//! replaced, and the stored secrets are resealed one by one, while other tasks read and write with the new ring.

use std::sync::{Arc, PoisonError};

use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::{SealedLedger, SecretKind, context, key};
use crate::{
    auth::KeyRing,
    domain::{
        error::{Result, Violation},
        ledger_kind::LedgerKind,
        port::{LedgerEntry, LedgerKey},
    },
};

/// The kind of the entry that announces a rotation to other replicas.
const ROTATION: LedgerKind = LedgerKind::KeyRingRotation;

/// How many secrets are resealed concurrently. With an external engine each takes several round trips.
const CONCURRENT: usize = 32;

fn rotation_key() -> LedgerKey {
    LedgerKey { kind: ROTATION, name: b"last".to_vec() }
}

/// The result of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The id of the key that all secrets are now sealed with.
    pub key: String,
    /// The number of secrets that were resealed.
    pub resealed: usize,
    /// The number of secrets.
    pub secrets: usize,
}

/// The outcome of resealing a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resealing {
    Resealed,
    /// It was already sealed with the key.
    Present,
    /// It has expired, or cannot be opened.
    Passed,
}

impl SealedLedger {
    /// Replaces the ring, reseals all secrets with its first key, and announces the rotation to the other replicas. A rotation
    /// can be interrupted at any time and started again: the ring opens both resealed and other secrets.
    ///
    /// # Errors
    /// The ring cannot open all secrets; then nothing changes. Or the store fails.
    pub async fn rotate(&self, next: KeyRing) -> Result<Rotation> {
        let _turn = self.rotating.lock().await;
        let next = Arc::new(next);
        self.exchange(&next).await?;
        // Announce before resealing: other replicas must be able to open secrets that are sealed from now on.
        self.announce().await?;
        self.reseal_all(&next).await
    }

    /// Replaces the ring by the result of `read` whenever another replica announces a rotation. Ends when the store closes.
    ///
    /// # Errors
    /// The store fails before the first signal.
    pub async fn follow_rotations(
        &self,
        read: impl Fn() -> std::result::Result<KeyRing, Violation>,
    ) -> Result<()> {
        let mut signals = self.ledger.watch(ROTATION).await?;
        let mut known = self.ledger.get(&rotation_key()).await?;
        while signals.next().await.is_some() {
            let Ok(announced) = self.ledger.get(&rotation_key()).await else { continue };
            if announced == known {
                continue;
            }
            if self.has_announced(announced.as_ref()) {
                known = announced;
                continue;
            }
            let taken = match read() {
                Ok(ring) => self.take(ring).await,
                Err(violation) => Err(violation.into()),
            };
            match taken {
                Ok(Rotation { key, .. }) => {
                    known = announced;
                    tracing::info!(key, "key ring reloaded after a rotation by another server");
                }
                Err(error) => tracing::error!(
                    reason = %error.operator_message(),
                    "key ring rotated by another server cannot be loaded"
                ),
            }
        }
        Ok(())
    }

    /// Replaces the ring after another replica's rotation. Also reseals, because only this replica is certain to find the
    /// secrets that it wrote during that rotation.
    async fn take(&self, next: KeyRing) -> Result<Rotation> {
        let _turn = self.rotating.lock().await;
        let next = Arc::new(next);
        self.exchange(&next).await?;
        self.reseal_all(&next).await
    }

    /// Replaces the ring, if the new one opens all secrets.
    async fn exchange(&self, next: &Arc<KeyRing>) -> Result<()> {
        let present = self.key_ring.read().await.clone();
        if next.opens_what_is_sealed_by(&present, &*self.randomness)? {
            // Needs no lock: the new ring also opens secrets that are written during the check.
            self.inspect(next).await?;
            *self.key_ring.write().await = Arc::clone(next);
        } else {
            let mut present = self.key_ring.write().await;
            self.inspect(next).await?;
            *present = Arc::clone(next);
        }
        Ok(())
    }

    async fn announce(&self) -> Result<()> {
        let key = rotation_key();
        let before = self.ledger.get(&key).await?.map(|entry| entry.value);
        let value = self.randomness.uuid()?.into_bytes().to_vec();
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        // If another replica announces a rotation at the same time, its announcement covers both.
        let entry = LedgerEntry { value, expire_time: None };
        self.ledger.swap(&key, before.as_deref(), Some(entry)).await?;
        Ok(())
    }

    fn has_announced(&self, entry: Option<&LedgerEntry>) -> bool {
        let own = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        own.as_ref().is_some_and(|own| entry.is_some_and(|entry| entry.value == *own))
    }

    async fn reseal_all(&self, key_ring: &KeyRing) -> Result<Rotation> {
        let mut rotation = Rotation { key: key_ring.sealing_id().to_owned(), resealed: 0, secrets: 0 };
        for kind in SecretKind::ALL {
            let entries = self.ledger.scan(kind.ledger_kind());
            let mut outcomes = entries
                .map_err(Into::into)
                .map_ok(|(name, entry)| async move { self.reseal(key_ring, kind, &name, entry).await })
                .try_buffer_unordered(CONCURRENT);
            while let Some(outcome) = outcomes.try_next().await? {
                rotation.resealed += usize::from(outcome == Resealing::Resealed);
                rotation.secrets += usize::from(outcome != Resealing::Passed);
            }
        }
        Ok(rotation)
    }

    /// Reseals a secret if necessary. If another replica writes it at the same time, tries again with the newer value.
    pub(super) async fn reseal(
        &self,
        key_ring: &KeyRing,
        kind: SecretKind,
        name: &[u8],
        entry: LedgerEntry,
    ) -> Result<Resealing> {
        let mut entry = entry;
        while !key_ring.is_present(&entry.value) {
            let Ok(secret) = key_ring.open(&entry.value, &context(kind, name)) else {
                return Ok(Resealing::Passed);
            };
            let value = key_ring.seal(&secret, &context(kind, name), &*self.randomness)?;
            let resealed = LedgerEntry { value, expire_time: entry.expire_time };
            if self.ledger.swap(&key(kind, name), Some(&entry.value), Some(resealed)).await? {
                return Ok(Resealing::Resealed);
            }
            match self.ledger.get(&key(kind, name)).await? {
                Some(newer) => entry = newer,
                None => return Ok(Resealing::Passed),
            }
        }
        Ok(Resealing::Present)
    }
}
