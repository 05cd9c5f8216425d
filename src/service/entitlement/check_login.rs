//! Check: whether somebody is logged in on a device.

use super::{Device, EntitlementService};
use crate::domain::{
    caller::Caller,
    error::Result,
    id::{DeviceId, EnvironmentName, RequestorId},
    known_device::KnownLogin,
};

impl EntitlementService {
    /// The login of a device, which may be polled: it may be what was known some seconds ago, by the environment's
    /// `profile_cache`.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `ProfileNotFound`, `ProfileExpired`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn check_login(&self, caller: &Caller, device: Device) -> Result<KnownLogin> {
        let _ = (caller, device);
        todo!()
    }

    /// The last requestor that a device has asked for, for calls that name none.
    ///
    /// # Errors
    /// `StoreUnavailable` of [`Error`](crate::domain::error::Error).
    pub async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>> {
        let _ = (environment, device_id);
        todo!()
    }
}
