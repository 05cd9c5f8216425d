//! The port to known devices.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{
    clock::Timestamp,
    error::Result,
    id::{DeviceId, EnvironmentName, RequestorId},
    known_device::{DeviceKey, KnownDevice},
    registration_code::CodeKey,
};

/// A device as read from the store, with its revision.
#[derive(Debug, Clone)]
pub struct StoredDevice {
    /// The device.
    pub device: Arc<KnownDevice>,
    /// The revision to pass to [`Devices::replace`].
    pub revision: Revision,
}

/// The revision of a stored device.
#[derive(Clone, PartialEq, Eq)]
pub struct Revision(pub Arc<[u8]>);

impl std::fmt::Debug for Revision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Revision(…)")
    }
}

/// Stores known devices. Their records are sealed and expire.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Returns the device, if it is known. An unreadable record is treated as absent.
    async fn get(&self, key: &DeviceKey) -> Result<Option<StoredDevice>>;

    /// Replaces the device if its revision is still `before`, and returns whether it did. An `after` of `None` deletes the
    /// device; a `before` of `None` means that it is unknown. Of concurrent calls with one `before`, at most one returns true.
    async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&Revision>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> Result<bool>;

    /// Stores until `end` that a code belongs to the device, and that its requestor is the last one that the device has used.
    async fn keep_code(&self, code: &CodeKey, device_id: &DeviceId, end: Timestamp) -> Result<()>;

    /// Stores that the device `named` got a code as `device_id`, the id that includes its application or user, and that its
    /// requestor is the last one that the device has used. The entry lasts as long as a login may last after a code that
    /// expires at `end`.
    async fn keep_name(&self, named: &DeviceKey, device_id: &DeviceId, end: Timestamp) -> Result<()>;

    /// Returns the id with which the device `named` got its last code, if that id includes an application or a user.
    async fn of_name(&self, named: &DeviceKey) -> Result<Option<DeviceId>>;

    /// Returns the device of a code.
    async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceId>>;

    /// Deletes the entry of a code's device.
    async fn forget_code(&self, code: &CodeKey) -> Result<()>;

    /// Returns the last requestor that a device has used.
    async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>>;
}
