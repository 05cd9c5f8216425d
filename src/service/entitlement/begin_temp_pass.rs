//! Begin: the free preview that a TempPass is.

use sha2::{Digest, Sha256};

use super::{Connection, Device, EntitlementService, polls::Polled};
use crate::{
    domain::{
        caller::{Caller, Permission},
        code::Code,
        error::{Result, Violation},
        id::{MvpdId, Place},
        known_device::DeviceKey,
        registration::CodeKey,
        secret::SecretText,
    },
    service::device_memory::DeviceFacts,
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
        if !is_temp_pass(&connection, place, &mvpd).await? {
            let text = "is no TempPass of the requestor; a viewer logs in with an operator by a code";
            return Err(Violation::new("mso_id", text).into());
        }
        self.begin(&device.key(), &device.facts(), &mvpd, None).await
    }

    /// The same for who has chosen it on a page, with a code: the upstream sends the browser straight back, and has logged nobody
    /// in. False where it is no TempPass.
    ///
    /// # Errors
    /// `StoreUnavailable` and those of an upstream of [`Error`](crate::domain::error::Error).
    pub(super) async fn begin_by_code(
        &self,
        connection: &Connection,
        code: &CodeKey,
        mvpd: &MvpdId,
        temp_pass_identity: Option<SecretText>,
    ) -> Result<bool> {
        let Some(key) = self.parts.memory.of_code(code).await? else { return Ok(false) };
        if !is_temp_pass(connection, &key.place, mvpd).await? {
            return Ok(false);
        }
        let facts = DeviceFacts { temp_pass_identity, ..DeviceFacts::default() };
        self.begin(&key, &facts, mvpd, Some(&code.code)).await?;
        self.parts.registration.end_used(code).await?;
        Ok(true)
    }

    async fn begin(
        &self,
        key: &DeviceKey,
        facts: &DeviceFacts,
        mvpd: &MvpdId,
        code: Option<&Code>,
    ) -> Result<()> {
        let (now, user_id) = (self.parts.clock.now(), user_id(key, mvpd));
        self.parts
            .memory
            .update(key, |known| {
                facts.tell(known);
                known.begin_temp_pass(mvpd.clone(), user_id.clone(), now);
                if let (Some(login), Some(code)) = (&mut known.login, code) {
                    login.code = Some(code.clone());
                }
            })
            .await?;
        self.polls.forget(Polled::new(key));
        Ok(())
    }
}

async fn is_temp_pass(connection: &Connection, place: &Place, mvpd: &MvpdId) -> Result<bool> {
    let configuration = connection.entitlements()?.configuration(&connection.context, place).await?;
    Ok(configuration.mvpds.iter().any(|known| known.is_temp_pass && known.id == *mvpd))
}

/// By what the viewer is known until the upstream says it: the same for each device, in the provider's form.
fn user_id(key: &DeviceKey, mvpd: &MvpdId) -> String {
    let DeviceKey { place, device_id } = key;
    let parts = [place.environment.as_str(), place.requestor.as_str(), mvpd.as_str(), device_id.as_str()];
    let digest = Sha256::digest(parts.join("\0"));
    let hex: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("temppass_{hex}")
}
