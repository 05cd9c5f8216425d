//! What is kept of devices between their calls.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{
    clock::Timestamp,
    error::Result,
    id::{DeviceId, EnvironmentName, RequestorId},
    known_device::{DeviceKey, KnownDevice},
    registration::CodeKey,
};

/// A device as it was read, and what it takes to replace just that.
#[derive(Debug, Clone)]
pub struct KeptDevice {
    /// What is known of it.
    pub device: Arc<KnownDevice>,
    /// What to replace.
    pub revision: Revision,
}

/// Which state of a kept device it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Revision(pub Arc<[u8]>);

impl std::fmt::Debug for Revision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Revision(…)")
    }
}

/// Devices as they are known here. What is kept of one is sealed, and ends by itself.
#[async_trait]
pub trait Devices: Send + Sync {
    /// The device, if it is known. What cannot be read counts as unknown.
    async fn get(&self, key: &DeviceKey) -> Result<Option<KeptDevice>>;

    /// Replaces the device, or forgets it by `None`, if it is still `before` (or, by `None`, unknown). False where it is not.
    /// Of concurrent calls with one `before` at most one gets true.
    async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&Revision>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> Result<bool>;

    /// Keeps until `end` which device a code belongs to, and that the requestor is the last one that the device has asked for.
    async fn keep_code(&self, code: &CodeKey, device_id: &DeviceId, end: Timestamp) -> Result<()>;

    /// Keeps for as long as a login may last after a code that ends at `end` that the device which is `named` so got the code as
    /// `device_id`, with its application or user; and that the requestor is the last one that it has asked for.
    async fn keep_name(&self, named: &DeviceKey, device_id: &DeviceId, end: Timestamp) -> Result<()>;

    /// As what the device that is named so got its last code, where that was with an application or a user.
    async fn of_name(&self, named: &DeviceKey) -> Result<Option<DeviceId>>;

    /// The device of a code.
    async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceId>>;

    /// Forgets which device a code belongs to.
    async fn forget_code(&self, code: &CodeKey) -> Result<()>;

    /// The last requestor that a device has asked for.
    async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>>;
}
