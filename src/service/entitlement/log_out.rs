//! Log out: ends all logins of a device.

use super::{DeviceContext, EntitlementService, newest_first, polls::PolledDevice};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::LogoutAction,
    error::Result,
    known_device::LoginStanding,
};

/// The result of a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedOut {
    /// The logins that ended, most recent first.
    pub actions: Vec<LogoutAction>,
}

impl EntitlementService {
    /// Ends all logins of the device as far as possible: a failure does not prevent the others from ending. The server
    /// forgets the device in any case.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error). If several occur, the first.
    pub async fn log_out(&self, caller: &Caller, mut device: DeviceContext) -> Result<LoggedOut> {
        let place = device.place.clone();
        caller.require(Permission::EntitlementsLogout, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, &place)?;
        let stored = self.recall(&mut device).await?;
        let subject = self.subject(&device, stored.as_ref().map(|stored| &*stored.device))?;
        let (key, now) = (device.key(), self.parts.clock.now());
        let polled = PolledDevice::new(&key);
        // Forget the device first, under the lock: otherwise a concurrent call would still find the login.
        let _lock = self.polls.lock(polled).await;
        self.parts.memory.forget(&key).await?;
        self.polls.forget(polled);
        let policy = self.parts.policy.load_full();
        let redirect_url =
            policy.login_defaults(&place).and_then(|login| login.logout_redirect_url.as_deref());
        let (backend, context) = (connection.entitlements()?, &connection.context);
        let mut profiles = backend.profiles(context, &subject).await?;
        newest_first(&mut profiles);
        let mut mvpds: Vec<_> = profiles.into_iter().map(|profile| profile.mvpd).collect();
        // The upstream does not list a TempPass.
        let known = stored.as_ref().and_then(|stored| stored.device.valid_login(now));
        let unlisted =
            known.filter(|login| login.standing == LoginStanding::Reported).map(|login| &login.mvpd);
        mvpds.extend(unlisted.filter(|mvpd| !mvpds.contains(mvpd)).cloned());
        let mut outcomes = Vec::with_capacity(mvpds.len());
        for mvpd in mvpds {
            outcomes.push(backend.log_out(context, &subject, &mvpd, redirect_url).await);
        }
        // A call that saw the login before it ended may have recorded it since.
        self.parts.memory.forget(&key).await?;
        self.polls.forget(polled);
        Ok(LoggedOut { actions: outcomes.into_iter().collect::<Result<_>>()? })
    }
}
