//! Begin: starts the free preview of a TempPass.

use sha2::{Digest, Sha256};

use super::{BackendCall, DeviceContext, EntitlementService, polls::PolledDevice};
use crate::{
    domain::{
        caller::{Caller, Permission},
        code::Code,
        error::{Result, Violation},
        id::{MvpdId, Place},
        known_device::DeviceKey,
        registration_code::CodeKey,
        secret::SecretText,
    },
    service::device_memory::ReportedDevice,
};

impl EntitlementService {
    /// Treats the device as logged in with a TempPass. Whether its trial is used up is only known at the first
    /// decision.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error); `InvalidFields` if the operator is not a TempPass.
    pub async fn begin_temp_pass(
        &self,
        caller: &Caller,
        mut device: DeviceContext,
        mvpd: MvpdId,
    ) -> Result<()> {
        let place = &device.place;
        caller.require(Permission::EntitlementsLogin, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        if !is_temp_pass(&connection, place, &mvpd).await? {
            let text =
                "must be a TempPass of the requestor; to log in with an operator, a viewer needs a code";
            return Err(Violation::new("mso_id", text).into());
        }
        self.resolve(&mut device).await?;
        self.begin(&device.key(), &device.facts(), &mvpd, None).await
    }

    /// Does the same for a viewer who chose the TempPass on a page with a code. The upstream redirects the browser
    /// straight back, without a login. Returns false if the operator is not a TempPass.
    ///
    /// # Errors
    /// `StoreUnavailable` and those of an upstream of [`Error`](crate::domain::error::Error).
    pub(super) async fn begin_by_code(
        &self,
        connection: &BackendCall,
        code: &CodeKey,
        mvpd: &MvpdId,
        temp_pass_identity: Option<SecretText>,
    ) -> Result<bool> {
        let Some(key) = self.parts.memory.of_code(code).await? else { return Ok(false) };
        if !is_temp_pass(connection, &key.place, mvpd).await? {
            return Ok(false);
        }
        let facts = ReportedDevice { temp_pass_identity, ..ReportedDevice::default() };
        self.begin(&key, &facts, mvpd, Some(&code.code)).await?;
        self.parts.registration.end_used(code).await?;
        Ok(true)
    }

    async fn begin(
        &self,
        key: &DeviceKey,
        facts: &ReportedDevice,
        mvpd: &MvpdId,
        code: Option<&Code>,
    ) -> Result<()> {
        let (now, user_id) = (self.parts.clock.now(), user_id(key, mvpd));
        self.parts
            .memory
            .update(key, |known| {
                facts.apply_to(known);
                known.begin_temp_pass(mvpd.clone(), user_id.clone(), now);
                if let (Some(login), Some(code)) = (&mut known.login, code) {
                    login.code = Some(code.clone());
                }
            })
            .await?;
        self.polls.forget(PolledDevice::new(key));
        Ok(())
    }
}

async fn is_temp_pass(connection: &BackendCall, place: &Place, mvpd: &MvpdId) -> Result<bool> {
    let configuration = connection.entitlements()?.configuration(&connection.context, place).await?;
    Ok(configuration.mvpds.iter().any(|known| known.is_temp_pass && known.id == *mvpd))
}

/// The viewer's id until the upstream reports one: constant for each device, in the provider's format.
fn user_id(key: &DeviceKey, mvpd: &MvpdId) -> String {
    let DeviceKey { place, device_id } = key;
    let parts = [place.environment.as_str(), place.requestor.as_str(), mvpd.as_str(), device_id.as_str()];
    let digest = Sha256::digest(parts.join("\0"));
    let hex: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("temppass_{hex}")
}
