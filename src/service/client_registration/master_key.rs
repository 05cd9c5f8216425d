//! The installation's signing key, sealed in the ledger, so that every replica has the same.

use crate::{
    auth::{KeyRing, signing_keys::MASTER_KEY_LENGTH},
    domain::{
        error::{Result, StoreError},
        port::{Ledger, LedgerEntry, LedgerKey},
        randomness::Randomness,
    },
};

const KIND: &str = "signing_key";
const NAME: &[u8] = b"master";

/// What the key is sealed for.
const CONTEXT: &[u8] = b"signing_key master";

/// The key; made and kept where there is none yet, and sealed anew where the key ring has a new first key.
pub(super) async fn load(
    ledger: &dyn Ledger,
    key_ring: &KeyRing,
    randomness: &dyn Randomness,
) -> Result<[u8; MASTER_KEY_LENGTH]> {
    let key = LedgerKey { kind: KIND, name: NAME.to_vec() };
    let seal = |secret: &[u8]| {
        let value = key_ring.seal(secret, CONTEXT, randomness)?;
        Ok::<_, crate::domain::error::Error>(LedgerEntry { value, expire_time: None })
    };
    let entry = match ledger.get(&key).await? {
        Some(entry) => entry,
        None => {
            let mut master = [0; MASTER_KEY_LENGTH];
            randomness.fill(&mut master)?;
            let new = seal(&master)?;
            // Another replica may be first: then its key is the one.
            ledger.put_if_absent(&key, new.clone()).await?.unwrap_or(new)
        }
    };
    let opened = key_ring.open(&entry.value, CONTEXT);
    let secret = opened.map_err(|error| StoreError::Corrupt(format!("the signing key: {error}")))?;
    let length = secret.len();
    let master = <[u8; MASTER_KEY_LENGTH]>::try_from(secret)
        .map_err(|_| StoreError::Corrupt(format!("the signing key has {length} bytes")))?;
    if !key_ring.is_present(&entry.value) {
        tracing::warn!("the signing key is sealed anew with the first key of the key ring");
        // Where another replica does the same at this moment, its seal is as good.
        ledger.swap(&key, Some(&entry.value), Some(seal(&master)?)).await?;
    }
    Ok(master)
}
