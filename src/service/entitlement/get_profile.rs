//! Get: the login of a device.

use super::{EntitlementService, Login};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::Profile,
    error::Result,
};

impl EntitlementService {
    /// The login of a device.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields`, `ProfileNotFound`, `ProfileExpired` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn get_profile(&self, caller: &Caller, login: Login) -> Result<Profile> {
        let place = &login.device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let subject = self.subject(login.device)?;
        self.profile(&connection, &subject, login.mvpd.as_ref()).await
    }
}
