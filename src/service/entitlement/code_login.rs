//! The login that was made with a code.

use super::{DeviceContext, EntitlementService, Preauthorized, polls::Urgency};
use crate::{
    domain::{
        address::Address,
        caller::{Caller, Permission},
        entitlement::Resource,
        error::{Error, Result},
        known_device::{DeviceKey, KnownLogin},
        port::StoredDevice,
    },
    service::registration::{Lookup, TypedCode},
};

impl EntitlementService {
    /// The login made with a code, for the page where the viewer typed it. Requested from the upstream at once,
    /// whatever its device was answered before.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `CodeNotFound`, `LookupBudgetExhausted`, `ProfileNotFound` while no viewer
    /// has logged in with it, `ProfileExpired`, `StoreUnavailable` and those of an upstream of [`Error`].
    pub async fn page_login(&self, caller: &Caller, lookup: &Lookup) -> Result<KnownLogin> {
        let place = &lookup.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        Ok(self.login_by_code(caller, lookup).await?.0)
    }

    /// Does the same for the device that got the code, at this address. Devices poll, so the answer may be some seconds
    /// old.
    ///
    /// # Errors
    /// See [`Self::page_login`].
    pub async fn device_login(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        ip: Option<Address>,
    ) -> Result<KnownLogin> {
        let place = &lookup.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let code = self.parts.registration.typed_code(caller, lookup).await?;
        let Some(key) = &code.device else { return self.page_login(caller, lookup).await };
        let stored = self.parts.memory.get(key).await?;
        self.poll(&connection, DeviceContext::known(key, ip), stored, Urgency::Poll).await
    }

    /// Determines which of these resources the login made with a code could watch.
    ///
    /// # Errors
    /// See [`Self::page_login`] and [`Self::preauthorize`].
    pub async fn preauthorize_by_code(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        resources: Vec<Resource>,
    ) -> Result<Preauthorized> {
        let place = &lookup.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let (login, code) = self.login_by_code(caller, lookup).await?;
        // An upstream call requires the code's device.
        let Some(key) = &code.device else { return Err(Error::ProfileNotFound) };
        let stored = self.parts.memory.get(key).await?;
        let device = DeviceContext::known(key, code.address.or(lookup.viewer));
        self.could_watch(&connection, &device, stored.as_ref(), login.mvpd, &resources).await
    }

    async fn login_by_code(&self, caller: &Caller, lookup: &Lookup) -> Result<(KnownLogin, TypedCode)> {
        let connection = self.connect(caller, &lookup.place)?;
        let registration = &self.parts.registration;
        let code = registration.typed_code(caller, lookup).await?;
        if let Some(key) = &code.device {
            let stored = self.parts.memory.get(key).await?;
            if let Some(login) = self.made_with(stored.as_ref(), &code) {
                return Ok((login, code));
            }
            let login = self.ask_by_code(&connection, key, stored, &code, lookup.viewer).await?;
            return Ok((login, code));
        }
        let asked = connection.entitlements()?.profile_of_code(&connection.context, &code.key, lookup.viewer);
        let asked = registration.known(caller, lookup, asked.await).await?;
        let Some(profiles) = asked else {
            return Err(registration.unknown_code(caller, lookup, &code).await);
        };
        let profile = self.newest(profiles)?;
        Ok((KnownLogin::reported(&profile, self.parts.clock.now()), code))
    }

    /// The remembered login, if it was made with this code.
    fn made_with(&self, stored: Option<&StoredDevice>, code: &TypedCode) -> Option<KnownLogin> {
        let login = stored?.device.valid_login(self.parts.clock.now())?;
        (login.code.as_ref() == Some(&code.key.code)).then(|| login.clone())
    }

    /// Requests the login by the code while the code is live, and by its device afterwards.
    async fn ask_by_code(
        &self,
        connection: &super::BackendCall,
        key: &DeviceKey,
        stored: Option<StoredDevice>,
        code: &TypedCode,
        viewer: Option<Address>,
    ) -> Result<KnownLogin> {
        let is_pending = stored
            .as_ref()
            .and_then(|stored| stored.device.pending.as_ref())
            .is_some_and(|pending| pending.code == code.key.code);
        let address = if is_pending { viewer.or(code.address) } else { code.address.or(viewer) };
        let by_code = is_pending.then_some(&code.key);
        Box::pin(self.ask(connection, &DeviceContext::known(key, address), stored, by_code)).await
    }
}
