//! What the server remembers of devices between their calls.

use std::sync::Arc;

use super::single_flight::SingleFlight;
use crate::domain::{
    clock::SharedClock,
    error::{Result, StoreError},
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    known_device::{DeviceKey, KnownDevice, PendingCode},
    port::{Devices, StoredDevice},
    registration_code::{CodeKey, RegistrationCode, ShadowStanding},
    secret::SecretText,
};

/// The number of attempts to apply a change when other servers' changes conflict. It exceeds the number of concurrent
/// calls that a device makes to all servers.
const ATTEMPTS: usize = 16;

/// The minimum time that the device of a code is remembered. The code's page asks for it after the login too, when the
/// record has been deleted (reference of the device flow, sections 1.4 and 7, number 5).
const CODE_KNOWN: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// What a device reports about itself in a call.
#[derive(Debug, Clone, Default)]
pub struct ReportedDevice {
    /// The wire form of its device information, if it sends any.
    pub device_info: Option<String>,
    /// Empty if it sends none.
    pub user_agent: String,
    /// What identifies the viewer to a promotional TempPass, beside the device.
    pub temp_pass_identity: Option<SecretText>,
}

impl ReportedDevice {
    /// Whether `device` already has all values that the call contains.
    fn is_applied_to(&self, device: &KnownDevice) -> bool {
        let Self { device_info, user_agent, temp_pass_identity } = self;
        (device_info.is_none() || *device_info == device.device_info)
            && (user_agent.is_empty() || *user_agent == device.user_agent)
            && (temp_pass_identity.is_none() || *temp_pass_identity == device.temp_pass_identity)
    }

    /// Overwrites the remembered values. Values that the call does not contain stay.
    pub fn apply_to(&self, device: &mut KnownDevice) {
        if let Some(device_info) = &self.device_info {
            device.device_info = Some(device_info.clone());
        }
        if !self.user_agent.is_empty() {
            device.user_agent.clone_from(&self.user_agent);
        }
        if let Some(identity) = &self.temp_pass_identity {
            device.temp_pass_identity = Some(identity.clone());
        }
    }
}

/// The known devices. A cheap handle.
#[derive(Clone)]
pub struct DeviceMemory {
    devices: Arc<dyn Devices>,
    /// Serializes changes of one device within this process. Otherwise they would only conflict.
    locks: Arc<SingleFlight<u128>>,
    clock: SharedClock,
}

impl DeviceMemory {
    /// The memory kept in `devices`.
    #[must_use]
    pub fn new(devices: Arc<dyn Devices>, clock: SharedClock) -> Self {
        Self { devices, locks: Arc::default(), clock }
    }

    /// The device, if it is known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, key: &DeviceKey) -> Result<Option<StoredDevice>> {
        self.devices.get(key).await
    }

    /// Applies `change` to a device, retrying on concurrent changes. Returns the result of `change`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn update<T>(
        &self,
        key: &DeviceKey,
        change: impl Fn(&mut KnownDevice) -> T + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
    {
        let _lock = self.locks.lock(key.digest()).await;
        for _ in 0..ATTEMPTS {
            let stored = self.devices.get(key).await?;
            let mut device = stored.as_ref().map(|stored| (*stored.device).clone()).unwrap_or_default();
            let outcome = change(&mut device);
            if self.replace(key, stored.as_ref(), &device).await? {
                return Ok(outcome);
            }
        }
        Err(StoreError::Unavailable("too many concurrent changes of a device".to_owned()).into())
    }

    /// Replaces `before` with `device`. Returns false if `before` is outdated. An unchanged device is not written.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&StoredDevice>,
        device: &KnownDevice,
    ) -> Result<bool> {
        if before.map_or_else(|| *device == KnownDevice::default(), |before| *before.device == *device) {
            return Ok(true);
        }
        let end = device.end(self.clock.now());
        self.devices.replace(key, before.map(|before| &before.revision), Some((device, end))).await
    }

    /// Forgets a device. A concurrent change of it detects the conflict.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget(&self, key: &DeviceKey) -> Result<()> {
        let nothing = KnownDevice::default();
        let _lock = self.locks.lock(key.digest()).await;
        for _ in 0..ATTEMPTS {
            let stored = self.devices.get(key).await?;
            let after = Some((&nothing, nothing.end(self.clock.now())));
            if self.devices.replace(key, stored.as_ref().map(|stored| &stored.revision), after).await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("too many concurrent changes of a device".to_owned()).into())
    }

    /// Records a new code of a device, and what the device reported about itself when it requested the code.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn code_made(&self, record: &RegistrationCode, facts: &ReportedDevice) -> Result<()> {
        let key = device_of(record);
        let is_used = matches!(record.standing(), Some(ShadowStanding::Resolved { .. }));
        let known = self.update(&key, |device| {
            facts.apply_to(device);
            device.pending = Some(PendingCode {
                code: record.code.clone(),
                expire_time: record.expire_time,
                mvpd: record.mvpd.clone(),
                start_time: None,
                is_used,
            });
        });
        let code = record.key();
        let end = record.expire_time.max(self.clock.now() + CODE_KNOWN);
        let of_code = self.devices.keep_code(&code, &key.device_id, end);
        let named = DeviceKey { device_id: record.device_id.clone(), ..key.clone() };
        let of_name = async {
            if named == key { Ok(()) } else { self.devices.keep_name(&named, &key.device_id, end).await }
        };
        // Concurrently, so that a store that syncs each commit can group the commits into one sync.
        tokio::try_join!(known, of_code, of_name)?;
        Ok(())
    }

    /// The device that an id without an application or a user refers to. If it has another id, `key` gets that id. Clients in
    /// the field only name both when they create a code, and mean the same device in every other call.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resolve(&self, key: &mut DeviceKey) -> Result<Option<StoredDevice>> {
        if let Some(stored) = self.devices.get(key).await? {
            return Ok(Some(stored));
        }
        let Some(device_id) = self.devices.of_name(key).await? else { return Ok(None) };
        key.device_id = device_id;
        self.devices.get(key).await
    }

    /// Updates the device that was read as `stored` with what it reports, and returns the result. Nothing is written if the
    /// device reports nothing new.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn apply(
        &self,
        reported: &ReportedDevice,
        key: &DeviceKey,
        stored: StoredDevice,
    ) -> Result<Option<StoredDevice>> {
        if reported.is_applied_to(&stored.device) {
            return Ok(Some(stored));
        }
        self.update(key, |known| reported.apply_to(known)).await?;
        self.get(key).await
    }

    /// The device of a code.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceKey>> {
        let device_id = self.devices.of_code(code).await?;
        Ok(device_id.map(|device_id| DeviceKey { place: code.place(), device_id }))
    }

    /// Records that a viewer started a login at an operator with a code.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn login_started(
        &self,
        code: &CodeKey,
        mvpd: Option<&MvpdId>,
        temp_pass_identity: Option<&SecretText>,
    ) -> Result<()> {
        let Some(key) = self.of_code(code).await? else { return Ok(()) };
        let now = self.clock.now();
        self.update(&key, |device| {
            let Some(pending) = of_device(device, code) else { return };
            pending.start_time = Some(now);
            if let Some(mvpd) = mvpd {
                pending.mvpd = Some(mvpd.clone());
            }
            if let Some(identity) = temp_pass_identity {
                device.temp_pass_identity = Some(identity.clone());
            }
        })
        .await
    }

    /// Records a login with a code. The server checks the login when its device makes the next call.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn code_used(&self, code: &CodeKey) -> Result<()> {
        let Some(key) = self.of_code(code).await? else { return Ok(()) };
        self.update(&key, |device| {
            if let Some(pending) = of_device(device, code) {
                pending.is_used = true;
            }
        })
        .await
    }

    /// Records that a code was deleted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn code_deleted(&self, code: &CodeKey) -> Result<()> {
        let Some(key) = self.of_code(code).await? else { return Ok(()) };
        self.devices.forget_code(code).await?;
        self.update(&key, |device| {
            if of_device(device, code).is_some() {
                device.pending = None;
            }
        })
        .await
    }

    /// The last requestor that a device has used.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>> {
        self.devices.requestor_of(environment, device_id).await
    }
}

/// The device of a record, as the upstream identifies it.
fn device_of(record: &RegistrationCode) -> DeviceKey {
    DeviceKey { place: record.key().place(), device_id: record.scoped_device_id() }
}

fn of_device<'a>(device: &'a mut KnownDevice, code: &CodeKey) -> Option<&'a mut PendingCode> {
    device.pending.as_mut().filter(|pending| pending.code == code.code)
}

impl std::fmt::Debug for DeviceMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DeviceMemory").finish_non_exhaustive()
    }
}
