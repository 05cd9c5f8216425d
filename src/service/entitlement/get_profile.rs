//! Get: fetches the login of a device from the upstream.

use super::{EntitlementService, Login, polls::PolledDevice};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::Profile,
    error::{Error, Result},
    known_device::{KnownDevice, KnownLogin},
};

impl EntitlementService {
    /// The current login of a device at the upstream.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields`, `ProfileNotFound`, `ProfileExpired`, `StoreUnavailable` and those of
    /// an upstream of [`Error`].
    pub async fn get_profile(&self, caller: &Caller, login: Login) -> Result<Profile> {
        let place = &login.device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        Ok(Box::pin(self.fresh_profile(caller, login)).await?.0)
    }

    /// Fetches the login and records it, so that polls of the device return it.
    pub(super) async fn fresh_profile(
        &self,
        caller: &Caller,
        login: Login,
    ) -> Result<(Profile, Option<KnownLogin>)> {
        let Login { mut device, mvpd } = login;
        let connection = self.connect(caller, &device.place)?;
        let stored = self.recall(&mut device).await?;
        let now = self.parts.clock.now();
        let subject = self.subject(&device, stored.as_ref().map(|stored| &*stored.device))?;
        let known = || stored.as_ref().and_then(|stored| stored.device.mvpd_to_ask(now)).cloned();
        let requested = mvpd.clone().or_else(known);
        let answer = self.profile(&connection, &subject, requested.as_ref()).await;
        let key = device.key();
        let is_about_login = |device: &KnownDevice, profile: &Profile| {
            mvpd.is_none() || device.mvpd_to_ask(now) == Some(&profile.mvpd)
        };
        match &answer {
            Ok(profile) => {
                let (login, used) = self
                    .parts
                    .memory
                    .update(&key, |device| {
                        if !is_about_login(device, profile) {
                            return (None, None);
                        }
                        let before = device.pending.clone();
                        device.note_login(profile, None, now);
                        (device.login.clone(), before.filter(|_| device.pending.is_none()))
                    })
                    .await?;
                if let Some(login) = &login {
                    self.polls.note(PolledDevice::new(&key), Some(login));
                }
                if let Some(pending) = used {
                    self.code_led_to_login(&key, pending).await?;
                }
                Ok((answer?, login))
            }
            Err(Error::ProfileNotFound | Error::ProfileExpired) if mvpd.is_none() => {
                let is_begun = |login: &KnownLogin| login.is_begun(now);
                self.parts
                    .memory
                    .update(&key, |device| {
                        if !device.login.as_ref().is_some_and(is_begun) {
                            device.note_no_login(now);
                        }
                    })
                    .await?;
                Err(answer.err().unwrap_or(Error::ProfileNotFound))
            }
            Err(error) => Err(error.clone()),
        }
    }
}
