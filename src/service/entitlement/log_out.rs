//! Log out: ends all logins of a device.

use super::{Device, EntitlementService, newest_first};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::LogoutAction,
    error::Result,
};

/// What a logout has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedOut {
    /// The logins that ended, the newest first.
    pub actions: Vec<LogoutAction>,
}

impl EntitlementService {
    /// Ends all logins of the device, as far as that can be done: one that fails leaves none of the others.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields` and those of an upstream of
    /// [`Error`](crate::domain::error::Error), the first of several.
    pub async fn log_out(&self, caller: &Caller, device: Device) -> Result<LoggedOut> {
        let place = device.place.clone();
        caller.require(Permission::EntitlementsLogout, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, &place)?;
        let subject = self.subject(device)?;
        let policy = self.parts.policy.load_full();
        let redirect_url =
            policy.login_defaults(&place).and_then(|login| login.logout_redirect_url.as_deref());
        let (backend, context) = (connection.entitlements()?, &connection.context);
        let mut profiles = backend.profiles(context, &subject).await?;
        newest_first(&mut profiles);
        let mut outcomes = Vec::with_capacity(profiles.len());
        for profile in profiles {
            outcomes.push(backend.log_out(context, &subject, &profile.mvpd, redirect_url).await);
        }
        Ok(LoggedOut { actions: outcomes.into_iter().collect::<Result<_>>()? })
    }
}
