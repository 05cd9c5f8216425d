//! Begin: the free preview that a TempPass is.

use sha2::{Digest, Sha256};

use super::{Device, EntitlementService, polls::Polled};
use crate::domain::{
    caller::{Caller, Permission},
    error::{Result, Violation},
    id::MvpdId,
    known_device::DeviceKey,
};

impl EntitlementService {
    /// Has the device go on with a TempPass as if somebody had logged in with it. Whether its trial is used up shows at the first
    /// decision.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error); `InvalidFields` where the operator is no TempPass.
    pub async fn begin_temp_pass(&self, caller: &Caller, device: Device, mvpd: MvpdId) -> Result<()> {
        let place = &device.place;
        caller.require(Permission::EntitlementsLogin, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let configuration = connection.entitlements()?.configuration(&connection.context, place).await?;
        if !configuration.mvpds.iter().any(|known| known.is_temp_pass && known.id == mvpd) {
            let text = "is no TempPass of the requestor; a viewer logs in with an operator by a code";
            return Err(Violation::new("mso_id", text).into());
        }
        let (key, now, facts) = (device.key(), self.parts.clock.now(), device.facts());
        let user_id = user_id(&key, &mvpd);
        self.parts
            .memory
            .update(&key, |known| {
                facts.tell(known);
                known.begin_temp_pass(mvpd.clone(), user_id.clone(), now);
            })
            .await?;
        self.polls.forget(Polled::new(&key));
        Ok(())
    }
}

/// By what the viewer is known until the upstream says it: the same for each device, in the provider's form.
fn user_id(key: &DeviceKey, mvpd: &MvpdId) -> String {
    let DeviceKey { place, device_id } = key;
    let parts = [place.environment.as_str(), place.requestor.as_str(), mvpd.as_str(), device_id.as_str()];
    let digest = Sha256::digest(parts.join("\0"));
    let hex: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("temppass_{hex}")
}
