//! Taking another key ring: everything is looked at first, so that nothing changes where something does not open; then the ring is
//! exchanged, and what lies in the ledger is sealed anew, one by one, while others read and write by the new ring.

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

/// Where it stands that the key ring was rotated, for the other replicas.
const ROTATION: LedgerKind = LedgerKind::KeyRingRotation;

/// How many secrets are sealed anew at once: over an engine each takes some round trips.
const CONCURRENT: usize = 32;

fn rotation_key() -> LedgerKey {
    LedgerKey { kind: ROTATION, name: b"last".to_vec() }
}

/// What a rotation has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The id of the key that everything is sealed with now.
    pub key: String,
    /// How many secrets were sealed with another key, or with none.
    pub resealed: usize,
    /// How many secrets there are.
    pub secrets: usize,
}

/// What became of a secret that was to be sealed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resealing {
    Resealed,
    /// It is sealed so already.
    Present,
    /// It has ended, or is nothing that can be opened.
    Passed,
}

impl SealedLedger {
    /// Takes a new ring, seals everything with its first key, and has the other replicas do the same. May be broken off at any
    /// time and begun again: what is sealed anew is so, and the ring opens the rest.
    ///
    /// # Errors
    /// What the ring cannot open; then nothing changes. Those of the store.
    pub async fn rotate(&self, next: KeyRing) -> Result<Rotation> {
        let _turn = self.rotating.lock().await;
        let next = Arc::new(next);
        self.exchange(&next).await?;
        // First of all the others have to open what is sealed from now on.
        self.announce().await?;
        self.reseal_all(&next).await
    }

    /// Takes a new ring each time that another replica has: the one that `read` gives then. Ends with the store.
    ///
    /// # Errors
    /// Those of the store, before the first signal.
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
                    tracing::info!(key, "key ring read again, since another server has rotated it");
                }
                Err(error) => tracing::error!(
                    reason = %error.operator_message(),
                    "the key ring was rotated by another server, and cannot be taken here"
                ),
            }
        }
        Ok(())
    }

    /// Takes a ring that another replica has taken. What this one wrote meanwhile, only this one is sure to find.
    async fn take(&self, next: KeyRing) -> Result<Rotation> {
        let _turn = self.rotating.lock().await;
        let next = Arc::new(next);
        self.exchange(&next).await?;
        self.reseal_all(&next).await
    }

    /// Puts the ring in the place of the present one, if it opens everything.
    async fn exchange(&self, next: &Arc<KeyRing>) -> Result<()> {
        let present = self.key_ring.read().await.clone();
        if next.opens_what_is_sealed_by(&present, &*self.randomness)? {
            // Nobody waits for this: what is written meanwhile opens as well.
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
        // Where another replica announces one at the same time, its announcement does for both.
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

    /// Seals a secret anew where that is due. Another replica may write it at the same time: then its newer one is looked at.
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
