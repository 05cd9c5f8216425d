//! Secrets in the ledger: sealed when they are written, opened when they are read. Nothing else seals, so that a rotation of
//! the key ring finds everything.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use super::{KeyRing, key_ring::SealError};
use crate::domain::{
    clock::Timestamp,
    error::{Result, Violation, Violations},
    ledger_kind::LedgerKind,
    port::{Ledger, LedgerEntry, LedgerKey, Restoration},
    randomness::SharedRandomness,
};

/// Where it stands that the key ring was rotated, for the other replicas.
const ROTATION: LedgerKind = LedgerKind::KeyRingRotation;

/// What an operator's mistake with the key ring is told about.
const FIELD: &str = "store.key_ring";

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The installation's master key.
    SigningKey,
    /// What a provider knows us by.
    UpstreamCredentials,
    /// An access token of a provider's.
    UpstreamToken,
    /// What a provider knows the client of one device by.
    DeviceCredentials,
    /// An access token of such a client.
    DeviceToken,
}

impl SecretKind {
    const ALL: [Self; 5] = [
        Self::SigningKey,
        Self::UpstreamCredentials,
        Self::UpstreamToken,
        Self::DeviceCredentials,
        Self::DeviceToken,
    ];

    /// The kind of the ledger entries. Its name stands in what is sealed.
    #[must_use]
    pub const fn ledger_kind(self) -> LedgerKind {
        match self {
            Self::SigningKey => LedgerKind::SigningKey,
            Self::UpstreamCredentials => LedgerKind::UpstreamCredentials,
            Self::UpstreamToken => LedgerKind::UpstreamToken,
            Self::DeviceCredentials => LedgerKind::DeviceCredentials,
            Self::DeviceToken => LedgerKind::DeviceToken,
        }
    }

    /// What is sealed in entries of this kind, if they are.
    #[must_use]
    pub fn of(kind: LedgerKind) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.ledger_kind() == kind)
    }

    /// The secret of this name, for the operator. The name of what belongs to an upstream has the environment and the
    /// provider's origin in front.
    pub(crate) fn describe(self, name: &[u8]) -> String {
        let what = match self {
            Self::SigningKey => return "the signing key".to_owned(),
            Self::UpstreamCredentials => "the credentials",
            Self::UpstreamToken => "the access token",
            Self::DeviceCredentials => "the credentials of a device",
            Self::DeviceToken => "the access token of a device",
        };
        let mut parts = name.splitn(3, |byte| *byte == 0).map(String::from_utf8_lossy);
        let (environment, origin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("{what} of the environment {environment:?} at {origin}")
    }
}

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

/// The ledger's secrets.
pub struct SealedLedger {
    ledger: Arc<dyn Ledger>,
    randomness: SharedRandomness,
    /// Who writes a secret holds this until it is written, so that no rotation misses it.
    key_ring: RwLock<Arc<KeyRing>>,
}

impl SealedLedger {
    /// The secrets in this ledger, sealed with this ring.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, key_ring: Arc<KeyRing>, randomness: SharedRandomness) -> Self {
        Self { ledger, randomness, key_ring: RwLock::new(key_ring) }
    }

    /// The secret of this name, if it has not ended.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, kind: SecretKind, name: &[u8]) -> Result<Option<SealedSecret>> {
        let key_ring = self.key_ring.read().await;
        let Some(entry) = self.ledger.get(&key(kind, name)).await? else { return Ok(None) };
        let opened = key_ring.open(&entry.value, &context(kind, name));
        Ok(Some(SealedSecret { opened, sealed: entry.value, end: entry.expire_time }))
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

    /// How many secrets are sealed with another key than the ring's first one, or with none although there is a ring.
    ///
    /// # Errors
    /// What cannot be opened, each with the key that it takes: without it, who goes on would lose it for good.
    pub async fn outdated(&self) -> Result<usize> {
        let key_ring = self.key_ring.read().await;
        let secrets = self.openable(&key_ring).await?;
        Ok(secrets.iter().filter(|(_, _, entry)| !key_ring.is_present(&entry.value)).count())
    }

    /// Takes a new ring, seals everything with its first key, and has the other replicas do the same. May be broken off at any
    /// time and begun again: what is sealed anew is so, and the ring opens the rest.
    ///
    /// # Errors
    /// What the ring cannot open; then nothing changes. Those of the store.
    pub async fn rotate(&self, next: KeyRing) -> Result<Rotation> {
        let rotation = self.take(next).await?;
        let key = rotation_key();
        let before = self.ledger.get(&key).await?.map(|entry| entry.value);
        let value = self.randomness.uuid()?.into_bytes().to_vec();
        // Where another replica announces one at the same time, its announcement does for both.
        let entry = LedgerEntry { value, expire_time: None };
        self.ledger.swap(&key, before.as_deref(), Some(entry)).await?;
        Ok(rotation)
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

    async fn take(&self, next: KeyRing) -> Result<Rotation> {
        let mut present = self.key_ring.write().await;
        let secrets = self.openable(&next).await?;
        let next = Arc::new(next);
        *present = Arc::clone(&next);
        let mut resealed = 0;
        for (kind, name, entry) in &secrets {
            resealed += usize::from(self.reseal(&next, *kind, name, entry.clone()).await?);
        }
        Ok(Rotation { key: next.sealing_id().to_owned(), resealed, secrets: secrets.len() })
    }

    /// Seals a secret anew where that is due. Another replica may write it at the same time: then its newer one is looked at.
    async fn reseal(
        &self,
        key_ring: &KeyRing,
        kind: SecretKind,
        name: &[u8],
        entry: LedgerEntry,
    ) -> Result<bool> {
        let mut entry = entry;
        while !key_ring.is_present(&entry.value) {
            let Ok(secret) = key_ring.open(&entry.value, &context(kind, name)) else { return Ok(false) };
            let value = key_ring.seal(&secret, &context(kind, name), &*self.randomness)?;
            let resealed = LedgerEntry { value, expire_time: entry.expire_time };
            if self.ledger.swap(&key(kind, name), Some(&entry.value), Some(resealed)).await? {
                return Ok(true);
            }
            match self.ledger.get(&key(kind, name)).await? {
                Some(newer) => entry = newer,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Every secret, if this ring has the keys. What is no seal at all is passed over: its reader takes it for absent.
    async fn openable(&self, key_ring: &KeyRing) -> Result<Vec<(SecretKind, Vec<u8>, LedgerEntry)>> {
        let (mut secrets, mut violations) = (Vec::new(), Violations::default());
        for kind in SecretKind::ALL {
            let mut entries = self.ledger.scan(kind.ledger_kind());
            while let Some((name, entry)) = entries.try_next().await? {
                match key_ring.open(&entry.value, &context(kind, &name)) {
                    Ok(_) => secrets.push((kind, name, entry)),
                    Err(SealError::Unreadable) => {}
                    Err(error) => violations
                        .extend([Violation::new(FIELD, format!("{}: {error}", kind.describe(&name)))]),
                }
            }
        }
        if violations.is_empty() { Ok(secrets) } else { Err(violations.into_error()) }
    }
}

impl std::fmt::Debug for SealedLedger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealedLedger")
    }
}

fn rotation_key() -> LedgerKey {
    LedgerKey { kind: ROTATION, name: b"last".to_vec() }
}

fn key(kind: SecretKind, name: &[u8]) -> LedgerKey {
    LedgerKey { kind: kind.ledger_kind(), name: name.to_vec() }
}

/// What a secret is sealed for: its place, so that it opens nowhere else.
fn context(kind: SecretKind, name: &[u8]) -> Vec<u8> {
    [kind.ledger_kind().as_str().as_bytes(), b" ", name].concat()
}
