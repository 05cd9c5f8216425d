//! What is kept of devices between their calls, as use cases read and change it.

use std::sync::Arc;

use super::single_flight::SingleFlight;
use crate::domain::{
    clock::SharedClock,
    error::{Result, StoreError},
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    known_device::{DeviceKey, KnownDevice, PendingCode},
    port::{Devices, KeptDevice},
    registration::{CodeKey, Registration, ShadowStanding},
    secret::SecretText,
};

/// How often a change is tried that another server's gets ahead of: more than calls of one device come at once to all of them.
const ATTEMPTS: usize = 16;

/// How long the device of a code is known at least: its page asks after the login too, when the record is gone (reference of
/// the device flow, sections 1.4 and 7, number 5).
const CODE_KNOWN: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// What a device says of itself with a call.
#[derive(Debug, Clone, Default)]
pub struct DeviceFacts {
    /// The wire form of its information, where it sends any.
    pub device_info: Option<String>,
    /// Empty where it sends none.
    pub user_agent: String,
    /// By what a promotional TempPass knows the viewer beside the device.
    pub temp_pass_identity: Option<SecretText>,
}

impl DeviceFacts {
    /// Puts them in the place of what was known; what is not said stays.
    pub fn tell(&self, device: &mut KnownDevice) {
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

/// Devices that are known here. A cheap handle.
#[derive(Clone)]
pub struct DeviceMemory {
    devices: Arc<dyn Devices>,
    /// Changes of a device in this process wait for each other, where they would only get ahead of each other.
    turns: Arc<SingleFlight<u128>>,
    clock: SharedClock,
}

impl DeviceMemory {
    /// The memory that is kept there.
    #[must_use]
    pub fn new(devices: Arc<dyn Devices>, clock: SharedClock) -> Self {
        Self { devices, turns: Arc::default(), clock }
    }

    /// The device, if it is known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get(&self, key: &DeviceKey) -> Result<Option<KeptDevice>> {
        self.devices.get(key).await
    }

    /// Changes what is known of a device, whoever changes it at the same time; gives what `change` gives.
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
        let _turn = self.turns.turn(key.digest()).await;
        for _ in 0..ATTEMPTS {
            let kept = self.devices.get(key).await?;
            let mut device = kept.as_ref().map(|kept| (*kept.device).clone()).unwrap_or_default();
            let outcome = change(&mut device);
            if self.replace(key, kept.as_ref(), &device).await? {
                return Ok(outcome);
            }
        }
        Err(StoreError::Unavailable("a device is changed again and again by others".to_owned()).into())
    }

    /// Puts a device in the place of `before`; false where that is not there any more. One that is as before is not written.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&KeptDevice>,
        device: &KnownDevice,
    ) -> Result<bool> {
        if before.map_or_else(|| *device == KnownDevice::default(), |before| *before.device == *device) {
            return Ok(true);
        }
        let end = device.end(self.clock.now());
        self.devices.replace(key, before.map(|before| &before.revision), Some((device, end))).await
    }

    /// Forgets a device. Who looks at it at the same time can tell that something has changed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget(&self, key: &DeviceKey) -> Result<()> {
        let nothing = KnownDevice::default();
        let _turn = self.turns.turn(key.digest()).await;
        for _ in 0..ATTEMPTS {
            let kept = self.devices.get(key).await?;
            let after = Some((&nothing, nothing.end(self.clock.now())));
            if self.devices.replace(key, kept.as_ref().map(|kept| &kept.revision), after).await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("a device is changed again and again by others".to_owned()).into())
    }

    /// Notes that a code was made for a device, and what the device has said of itself with it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn code_made(&self, record: &Registration, facts: &DeviceFacts) -> Result<()> {
        let key = device_of(record);
        let is_used = matches!(record.standing(), Some(ShadowStanding::Resolved { .. }));
        let known = self.update(&key, |device| {
            facts.tell(device);
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
        // At once, so that a store that syncs each commit does it once for all of them.
        tokio::try_join!(known, of_code, of_name)?;
        Ok(())
    }

    /// The device that is meant by an id without an application or a user: clients in the field name them with their code alone, and
    /// mean the same device with every other call.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn meant(&self, named: DeviceKey) -> Result<DeviceId> {
        if self.devices.get(&named).await?.is_some() {
            return Ok(named.device_id);
        }
        Ok(self.devices.of_name(&named).await?.unwrap_or(named.device_id))
    }

    /// The device of a code.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceKey>> {
        let device_id = self.devices.of_code(code).await?;
        Ok(device_id.map(|device_id| DeviceKey { place: code.place(), device_id }))
    }

    /// Notes that a viewer went to an operator with a code.
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

    /// Notes that somebody has logged in with a code: its device is asked for at its next call.
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

    /// Notes that a code was deleted.
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

    /// The last requestor that a device has asked for.
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

/// The device that a record is of, as the upstream knows it.
fn device_of(record: &Registration) -> DeviceKey {
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
