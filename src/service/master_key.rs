//! The installation's master key, sealed in the ledger, so that all replicas share it. Signatures and digests use keys
//! derived from it, each for a single purpose.

use aws_lc_rs::hmac;
use uuid::Uuid;

use crate::{
    auth::{SealedLedger, SecretKind, signing_keys::MASTER_KEY_LENGTH},
    domain::{
        error::{Result, StoreError},
        randomness::Randomness,
    },
};

const KIND: SecretKind = SecretKind::SigningKey;
const NAME: &[u8] = b"master";

/// The derivation label of the audit digest key. It must never change, or old and new digests can no longer be
/// compared.
const AUDIT_LABEL: &[u8] = b"passbridge audit digest";

/// The derivation label of a copy's id.
const COPY_LABEL: &[u8] = b"passbridge store copy";

/// The master key. `Debug` does not reveal it.
pub struct MasterKey([u8; MASTER_KEY_LENGTH]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey")
    }
}

impl MasterKey {
    /// The key itself, to derive others from.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; MASTER_KEY_LENGTH] {
        &self.0
    }

    /// The key of the audit log's digests.
    #[must_use]
    pub fn audit_key(&self) -> hmac::Key {
        let master = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, AUDIT_LABEL).as_ref())
    }

    /// The id of an unfinished copy of this installation's store.
    #[must_use]
    pub fn copy_id(&self) -> Uuid {
        let digest = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), COPY_LABEL);
        let half = digest.as_ref().first_chunk().copied().unwrap_or_default();
        Uuid::from_bytes(half)
    }

    /// This installation's key. Generates and stores one if there is none.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`](crate::domain::error::Error::StoreUnavailable), or if randomness is unavailable.
    pub async fn load(secrets: &SealedLedger, randomness: &dyn Randomness) -> Result<Self> {
        if let Some(stored) = Self::find(secrets).await? {
            return Ok(stored);
        }
        let mut master = [0; MASTER_KEY_LENGTH];
        randomness.fill(&mut master)?;
        // Another replica may have stored its key first. That key is the one to use.
        secrets.swap(KIND, NAME, None, &master, None).await?;
        let stored = Self::find(secrets).await?;
        Ok(stored.ok_or_else(|| StoreError::Corrupt("the signing key is missing".to_owned()))?)
    }

    /// This installation's key. It exists once a server has used the store.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`](crate::domain::error::Error::StoreUnavailable).
    pub async fn find(secrets: &SealedLedger) -> Result<Option<Self>> {
        let Some(stored) = secrets.get(KIND, NAME).await? else { return Ok(None) };
        let secret =
            stored.opened.map_err(|error| StoreError::Corrupt(format!("the signing key: {error}")))?;
        let length = secret.len();
        let master = secret.try_into();
        let master =
            master.map_err(|_| StoreError::Corrupt(format!("the signing key has {length} bytes")))?;
        Ok(Some(Self(master)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        auth::SigningKeys,
        domain::{
            clock::{ManualClock, Timestamp},
            port::{LedgerEntry, LedgerKey},
            randomness::OsRandomness,
        },
        store::embedded::{EmbeddedOptions, EmbeddedStore},
    };

    #[tokio::test]
    async fn an_unreadable_signing_key_is_an_error_and_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let options = EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock) };
        let ledger = EmbeddedStore::open(options).expect("opens").ports().ledger;
        let secrets = SealedLedger::new(Arc::clone(&ledger), Arc::default(), Arc::new(OsRandomness));
        let key = LedgerKey { kind: KIND.ledger_kind(), name: NAME.to_vec() };
        for (value, reason) in [(&[7][..], "not in the format of a sealed secret"), (&[0, 1], "has 1 bytes")]
        {
            let before = ledger.get(&key).await.expect("works").map(|entry| entry.value);
            let entry = LedgerEntry { value: value.to_vec(), expire_time: None };
            assert!(ledger.swap(&key, before.as_deref(), Some(entry.clone())).await.expect("works"));
            let error = MasterKey::load(&secrets, &OsRandomness).await;
            let error = error.expect_err("unreadable").operator_message();
            assert!(error.contains(reason), "{error}");
            assert_eq!(ledger.get(&key).await.expect("works"), Some(entry), "it is not overwritten");
        }
    }

    #[test]
    fn debug_output_does_not_reveal_keys() {
        let key = MasterKey([0xa7; MASTER_KEY_LENGTH]);
        let signing = SigningKeys::derive(key.as_bytes());
        let shown = format!("{key:?} {signing:?} {:?}", key.audit_key());
        assert!(!shown.contains("167") && !shown.to_lowercase().contains("a7"), "{shown}");
    }
}
