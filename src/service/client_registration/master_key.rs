//! The installation's signing key, kept in the ledger so that every replica has the same.

use crate::{
    auth::signing_keys::MASTER_KEY_LENGTH,
    domain::{
        error::{Result, StoreError},
        port::{Ledger, LedgerEntry, LedgerKey},
        randomness::Randomness,
    },
};

/// The key; made and kept where there is none yet.
pub(super) async fn load(
    ledger: &dyn Ledger,
    randomness: &dyn Randomness,
) -> Result<[u8; MASTER_KEY_LENGTH]> {
    let key = LedgerKey { kind: "signing_key", name: b"master".to_vec() };
    let entry = match ledger.get(&key).await? {
        Some(entry) => entry,
        None => {
            let mut master = [0; MASTER_KEY_LENGTH];
            randomness.fill(&mut master)?;
            let new = LedgerEntry { value: master.to_vec(), expire_time: None };
            // Another replica may be first: then its key is the one.
            ledger.put_if_absent(&key, new.clone()).await?.unwrap_or(new)
        }
    };
    let length = entry.value.len();
    let master = entry.value.try_into();
    Ok(master.map_err(|_| StoreError::Corrupt(format!("the signing key has {length} bytes")))?)
}
