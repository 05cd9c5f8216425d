//! The login that was made with a code.

use super::{EntitlementService, Preauthorized};
use crate::{
    domain::{caller::Caller, entitlement::Resource, error::Result, known_device::KnownLogin},
    service::registration::Lookup,
};

impl EntitlementService {
    /// The login that was made with a code, for the page where the viewer typed it: asked for at once, whatever its device has
    /// heard a moment ago.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `CodeNotFound`, `LookupBudgetExhausted`, `ProfileNotFound` while nobody has logged in
    /// with it, `ProfileExpired`, `StoreUnavailable` and those of an upstream of [`Error`](crate::domain::error::Error).
    pub async fn page_login(&self, caller: &Caller, lookup: &Lookup) -> Result<KnownLogin> {
        let _ = (caller, lookup);
        todo!()
    }

    /// The same for the device that got the code, which polls.
    ///
    /// # Errors
    /// As those of [`Self::page_login`].
    pub async fn device_login(&self, caller: &Caller, lookup: &Lookup) -> Result<KnownLogin> {
        let _ = (caller, lookup);
        todo!()
    }

    /// Which of these resources could be watched by the login that was made with a code.
    ///
    /// # Errors
    /// As those of [`Self::page_login`], and those of [`Self::preauthorize`].
    pub async fn preauthorize_by_code(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        resources: Vec<Resource>,
    ) -> Result<Preauthorized> {
        let _ = (caller, lookup, resources);
        todo!()
    }
}
