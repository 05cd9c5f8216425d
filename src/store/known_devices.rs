//! The `Devices` port, over the ledger of any store. The record of a device, and the device of a code, are sealed. Names of entries
//! are digests, because device ids are personal data and may be long.
//!
//! Every read goes to the ledger, so that replicas agree. The opened and decoded record is cached with its sealed bytes, and is
//! used as long as the ledger returns the same bytes.

use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use crate::{
    auth::{SealedLedger, SecretKind, key_ring::SealError},
    domain::{
        clock::Timestamp,
        error::{Result, StoreError},
        id::{DeviceId, EnvironmentName, Place, RequestorId},
        known_device::{DeviceKey, KnownDevice},
        ledger_kind::LedgerKind,
        port::{Devices, Ledger, LedgerEntry, LedgerKey, Revision, StoredDevice},
        registration_code::CodeKey,
    },
    format::{self, FormatError},
};

/// The capacity of the cache, in bytes.
const REMEMBERED_BYTES: u64 = 32 * 1024 * 1024;

/// The weight of a cached device in addition to twice its record, in bytes: its fields have allocations of their own.
const DEVICE_BYTES: u64 = 1024;

/// The expected number of cached devices, for the initial size of the cache's tables. They grow.
const EXPECTED: usize = 4096;

/// The time for which the requestor of a device outlives the device of its code. It is longer than any login, because a
/// logged-in device logs out without naming its requestor.
const REQUESTOR_EXTENSION: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3_600);

/// The name of a ledger entry.
type EntryName = [u8; 32];

/// Known devices, in a ledger.
pub struct KnownDevices {
    secrets: Arc<SealedLedger>,
    ledger: Arc<dyn Ledger>,
    remembered: Cache<EntryName, ReadDevice, ReadWeight>,
}

/// A device as it was read.
#[derive(Clone)]
struct ReadDevice {
    sealed: Arc<[u8]>,
    /// `None` if the record cannot be decoded, which is logged.
    device: Option<Arc<KnownDevice>>,
}

#[derive(Clone)]
struct ReadWeight;

impl Weighter<EntryName, ReadDevice> for ReadWeight {
    fn weight(&self, _: &EntryName, read: &ReadDevice) -> u64 {
        DEVICE_BYTES + 2 * read.sealed.len() as u64
    }
}

/// The reason why a stored value cannot be read. It never contains the value.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum DeviceReadError {
    Sealed(#[from] SealError),
    Format(#[from] FormatError),
}

impl KnownDevices {
    /// The devices in this ledger. `secrets` must be over the same ledger.
    #[must_use]
    pub fn new(secrets: Arc<SealedLedger>, ledger: Arc<dyn Ledger>) -> Self {
        let remembered = Cache::with_weighter(EXPECTED, REMEMBERED_BYTES, ReadWeight);
        Self { secrets, ledger, remembered }
    }

    async fn read(&self, name: &EntryName) -> Result<Option<ReadDevice>> {
        let Some(LedgerEntry { value, .. }) = self.secrets.read(SecretKind::Device, name).await? else {
            return Ok(None);
        };
        if let Some(read) = self.remembered.get(name).filter(|read| *read.sealed == *value) {
            return Ok(Some(read));
        }
        let device = self.opened(SecretKind::Device, name, &value, format::decode_known_device).await?;
        let read = ReadDevice { sealed: value.into(), device: device.map(Arc::new) };
        self.remembered.insert(*name, read.clone());
        Ok(Some(read))
    }

    /// Opens and decodes a sealed value. Returns `None` if it cannot be read, at the cost of one device's login.
    ///
    /// # Errors
    /// If the key is missing. A server has all keys when it starts, so another replica has just rotated them, and this server
    /// receives the new key soon. If the device were treated as unknown, its record would be overwritten.
    async fn opened<T>(
        &self,
        kind: SecretKind,
        name: &EntryName,
        sealed: &[u8],
        decode: impl FnOnce(&[u8]) -> std::result::Result<T, FormatError>,
    ) -> Result<Option<T>> {
        let opened = match self.secrets.open(kind, name, sealed).await {
            Err(error @ SealError::KeyMissing(_)) => {
                return Err(StoreError::Unavailable(format!("{}: {error}", kind.describe(name))).into());
            }
            opened => opened,
        };
        let read = opened.map_err(DeviceReadError::from).and_then(|bytes| Ok(decode(&bytes)?));
        let read = read.inspect_err(|error| {
            let kind = kind.ledger_kind().as_str();
            tracing::error!(kind, %error, "device record cannot be read and is treated as absent");
        });
        Ok(read.ok())
    }

    /// Replaces the entry if it is still `before`. Returns whether it did.
    async fn swap(
        &self,
        name: &EntryName,
        before: Option<&[u8]>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> Result<bool> {
        let (device, end) = match (before, after) {
            (_, Some(after)) => after,
            (Some(before), None) => return self.secrets.remove(SecretKind::Device, name, before).await,
            (None, None) => return Ok(self.secrets.read(SecretKind::Device, name).await?.is_none()),
        };
        let secret = format::encode_known_device(device)?;
        let sealed = self.secrets.swap(SecretKind::Device, name, before, &secret, Some(end)).await?;
        Ok(sealed.is_some())
    }

    async fn keep_device_of_code(&self, code: &CodeKey, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        self.keep_device(&name_of_code(code), device_id, end).await
    }

    /// Stores the device id that this entry's name refers to.
    async fn keep_device(&self, name: &EntryName, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        let kind = SecretKind::DeviceCode;
        let secret = format::encode_device_of_code(device_id)?;
        loop {
            let before = self.secrets.read(kind, name).await?.map(|entry| entry.value);
            if self.secrets.swap(kind, name, before.as_deref(), &secret, Some(end)).await?.is_some() {
                return Ok(());
            }
        }
    }

    async fn device_of(&self, name: &EntryName) -> Result<Option<DeviceId>> {
        let kind = SecretKind::DeviceCode;
        let Some(entry) = self.secrets.read(kind, name).await? else { return Ok(None) };
        self.opened(kind, name, &entry.value, format::decode_device_of_code).await
    }

    async fn keep_requestor(&self, place: &Place, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        let key = requestor_key(&place.environment, device_id);
        let value = format::encode_requestor_of_device(&place.requestor)?;
        loop {
            let before = self.ledger.get(&key).await?;
            // Most devices use the same requestor each time. The entry is rewritten only to extend its lifetime.
            let is_recent = |entry: &LedgerEntry| entry.expire_time >= Some(end + REQUESTOR_EXTENSION / 2);
            if before.as_ref().is_some_and(|before| before.value == value && is_recent(before)) {
                return Ok(());
            }
            let before = before.map(|entry| entry.value);
            let entry = LedgerEntry { value: value.clone(), expire_time: Some(end + REQUESTOR_EXTENSION) };
            if self.ledger.swap(&key, before.as_deref(), Some(entry)).await? {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Devices for KnownDevices {
    async fn get(&self, key: &DeviceKey) -> Result<Option<StoredDevice>> {
        let read = self.read(&name_of_device(key)).await?;
        Ok(read.and_then(|ReadDevice { sealed, device }| {
            device.map(|device| StoredDevice { device, revision: Revision(sealed) })
        }))
    }

    async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&Revision>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> Result<bool> {
        let name = name_of_device(key);
        let replaced = self.swap(&name, before.map(|revision| &*revision.0), after).await?;
        if replaced || before.is_some() {
            return Ok(replaced);
        }
        // An unreadable record is treated as absent.
        match self.read(&name).await? {
            Some(ReadDevice { sealed, device: None }) => self.swap(&name, Some(&sealed), after).await,
            _ => Ok(false),
        }
    }

    async fn keep_code(&self, code: &CodeKey, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        let device = self.keep_device_of_code(code, device_id, end);
        let place = code.place();
        let requestor = self.keep_requestor(&place, device_id, end);
        tokio::try_join!(device, requestor)?;
        Ok(())
    }

    async fn keep_name(&self, named: &DeviceKey, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        let name = name_of_name(named);
        let device = self.keep_device(&name, device_id, end + REQUESTOR_EXTENSION);
        let requestor = self.keep_requestor(&named.place, &named.device_id, end);
        tokio::try_join!(device, requestor)?;
        Ok(())
    }

    async fn of_name(&self, named: &DeviceKey) -> Result<Option<DeviceId>> {
        self.device_of(&name_of_name(named)).await
    }

    async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceId>> {
        self.device_of(&name_of_code(code)).await
    }

    async fn forget_code(&self, code: &CodeKey) -> Result<()> {
        let (kind, name) = (SecretKind::DeviceCode, name_of_code(code));
        while let Some(entry) = self.secrets.read(kind, &name).await? {
            if self.secrets.remove(kind, &name, &entry.value).await? {
                break;
            }
        }
        Ok(())
    }

    async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>> {
        let entry = self.ledger.get(&requestor_key(environment, device_id)).await?;
        let read = entry.map(|entry| format::decode_requestor_of_device(&entry.value));
        let read = read.transpose().inspect_err(|error| {
            let kind = LedgerKind::DeviceRequestor.as_str();
            tracing::error!(kind, %error, "device record cannot be read and is treated as absent");
        });
        Ok(read.unwrap_or_default())
    }
}

fn name_of_device(key: &DeviceKey) -> EntryName {
    let (environment, requestor) = (&key.place.environment, &key.place.requestor);
    digest(&[environment.as_str(), requestor.as_str(), key.device_id.as_str()])
}

fn name_of_code(code: &CodeKey) -> EntryName {
    digest(&[code.environment.as_str(), code.requestor.as_str(), code.code.as_str()])
}

/// The name of the entry with the id under which a device got its last code. The empty code keeps it apart from the entries of
/// codes.
fn name_of_name(named: &DeviceKey) -> EntryName {
    let (environment, requestor) = (&named.place.environment, &named.place.requestor);
    digest(&[environment.as_str(), requestor.as_str(), "", named.device_id.as_str()])
}

fn requestor_key(environment: &EnvironmentName, device_id: &DeviceId) -> LedgerKey {
    let name = digest(&[environment.as_str(), device_id.as_str()]).to_vec();
    LedgerKey { kind: LedgerKind::DeviceRequestor, name }
}

/// The digest of the parts of a name. Only the last part may contain a zero byte. It must never change, or existing entries are not
/// found any more.
fn digest(parts: &[&str]) -> EntryName {
    Sha256::digest(parts.join("\0")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::code::Code, format::golden, store::conformance::sample};

    #[test]
    fn the_names_of_entries_are_pinned() {
        let environment = sample::environment("default");
        let requestor = RequestorId::parse("requestor", "REF").expect("valid");
        let device_id = DeviceId::parse("device_id", "a device").expect("valid");
        let code = CodeKey { environment, requestor, code: Code::from_canonical("NKGF4M7") };
        let device = DeviceKey { place: code.place(), device_id: device_id.clone() };
        let names = [
            ("device", name_of_device(&device).to_vec()),
            ("device_code", name_of_code(&code).to_vec()),
            ("device_name", name_of_name(&device).to_vec()),
            ("device_requestor", requestor_key(&code.environment, &device_id).name),
        ];
        let lines = names.map(|(kind, name)| format!("{kind}\n{}", golden::hex(&name)));
        golden::check_text("known_device_names", 1, &lines.concat());
    }
}
