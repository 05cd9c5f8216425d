//! The caller and its permissions. Every face creates a [`Caller`]; use cases check permissions only on it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    call::CallContext,
    credential::Credential,
    error::{Error, Result, Violation},
    id::{EnvironmentName, RequestorId},
};

/// A permission of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// Create registration codes.
    #[serde(rename = "codes.create")]
    CodesCreate,
    /// Read and watch registration codes.
    #[serde(rename = "codes.read")]
    CodesRead,
    /// Delete registration codes.
    #[serde(rename = "codes.delete")]
    CodesDelete,
    /// Authorize resources by a TempPass.
    #[serde(rename = "temp_passes.authorize")]
    TempPassesAuthorize,
    /// Read trials.
    #[serde(rename = "temp_passes.read")]
    TempPassesRead,
    /// Reset trials one by one.
    #[serde(rename = "temp_passes.reset")]
    TempPassesReset,
    /// Reset all trials of a TempPass.
    #[serde(rename = "temp_passes.reset_all")]
    TempPassesResetAll,
    /// Start logins.
    #[serde(rename = "entitlements.login")]
    EntitlementsLogin,
    /// Read logins and the operators' metadata of viewers.
    #[serde(rename = "entitlements.read")]
    EntitlementsRead,
    /// Authorize resources by a login.
    #[serde(rename = "entitlements.authorize")]
    EntitlementsAuthorize,
    /// End logins.
    #[serde(rename = "entitlements.logout")]
    EntitlementsLogout,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 11] = [
        Self::CodesCreate,
        Self::CodesRead,
        Self::CodesDelete,
        Self::TempPassesAuthorize,
        Self::TempPassesRead,
        Self::TempPassesReset,
        Self::TempPassesResetAll,
        Self::EntitlementsLogin,
        Self::EntitlementsRead,
        Self::EntitlementsAuthorize,
        Self::EntitlementsLogout,
    ];

    /// The default permissions of a device. Resets are not included, because a viewer can extract the token from the device.
    pub const DEVICE: [Self; 9] = [
        Self::CodesCreate,
        Self::CodesRead,
        Self::CodesDelete,
        Self::TempPassesAuthorize,
        Self::TempPassesRead,
        Self::EntitlementsLogin,
        Self::EntitlementsRead,
        Self::EntitlementsAuthorize,
        Self::EntitlementsLogout,
    ];

    /// Parses `text` from `field` of a request or of the configuration.
    ///
    /// # Errors
    /// No permission has this name.
    pub fn parse(field: &str, text: &str) -> std::result::Result<Self, Violation> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.into_iter().map(Self::as_str).collect();
            let text =
                format!("must be a permission, but is {text:?}; the permissions are {}", known.join(", "));
            Violation::new(field, text)
        })
    }

    /// Returns the permission's name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodesCreate => "codes.create",
            Self::CodesRead => "codes.read",
            Self::CodesDelete => "codes.delete",
            Self::TempPassesAuthorize => "temp_passes.authorize",
            Self::TempPassesRead => "temp_passes.read",
            Self::TempPassesReset => "temp_passes.reset",
            Self::TempPassesResetAll => "temp_passes.reset_all",
            Self::EntitlementsLogin => "entitlements.login",
            Self::EntitlementsRead => "entitlements.read",
            Self::EntitlementsAuthorize => "entitlements.authorize",
            Self::EntitlementsLogout => "entitlements.logout",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of names, or all names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "Option<BTreeSet<T>>",
    from = "Option<BTreeSet<T>>",
    bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>")
)]
pub enum Scope<T: Ord> {
    /// All.
    Any,
    /// Only these.
    Only(BTreeSet<T>),
}

impl<T: Ord> Scope<T> {
    /// Whether the set contains `item`.
    pub fn contains(&self, item: &T) -> bool {
        match self {
            Self::Any => true,
            Self::Only(items) => items.contains(item),
        }
    }
}

impl<T: Ord> From<Option<BTreeSet<T>>> for Scope<T> {
    fn from(items: Option<BTreeSet<T>>) -> Self {
        items.map_or(Self::Any, Self::Only)
    }
}

impl<T: Ord> From<Scope<T>> for Option<BTreeSet<T>> {
    fn from(scope: Scope<T>) -> Self {
        match scope {
            Scope::Any => None,
            Scope::Only(items) => Some(items),
        }
    }
}

/// A caller with its grant (requestors × environments × permissions) and the context of its call. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    grant: Arc<CallerGrant>,
    credential: Option<Arc<Credential>>,
    context: CallContext,
}

#[derive(Debug)]
struct CallerGrant {
    name: Arc<str>,
    requestors: Scope<RequestorId>,
    environments: Scope<EnvironmentName>,
    permissions: BTreeSet<Permission>,
}

impl Caller {
    /// Creates a caller with a name and a grant.
    #[must_use]
    pub fn new(
        name: impl Into<Arc<str>>,
        requestors: Scope<RequestorId>,
        environments: Scope<EnvironmentName>,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        let permissions = permissions.into_iter().collect();
        let grant = Arc::new(CallerGrant { name: name.into(), requestors, environments, permissions });
        Self { grant, credential: None, context: CallContext::default() }
    }

    /// Returns the caller of a server without authentication. It has every permission, which is why such a server listens
    /// on loopback only.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new("anonymous", Scope::Any, Scope::Any, Permission::ALL)
    }

    /// Returns this caller with the context of a call.
    #[must_use]
    pub fn in_call(self, context: CallContext) -> Self {
        Self { context, ..self }
    }

    /// Returns this caller with the credential that it has proven.
    #[must_use]
    pub(crate) fn known_by(self, credential: Arc<Credential>) -> Self {
        Self { credential: Some(credential), ..self }
    }

    /// Returns the credential of a configured caller; `None` for others.
    #[must_use]
    pub(crate) fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    /// Returns the context that travels with the call to a backend.
    #[must_use]
    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// Returns the caller's name in logs, audit entries and idempotency keys.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.grant.name
    }

    /// Whether the caller has the permission in this environment and for this requestor.
    #[must_use]
    pub fn may(
        &self,
        permission: Permission,
        environment: &EnvironmentName,
        requestor: &RequestorId,
    ) -> bool {
        self.grant.permissions.contains(&permission)
            && self.grant.environments.contains(environment)
            && self.grant.requestors.contains(requestor)
    }

    /// Returns the requestor that the caller may act for, if it is exactly one: that of a signed request, or of a device
    /// whose software statement names one.
    #[must_use]
    pub fn only_requestor(&self) -> Option<&RequestorId> {
        match &self.grant.requestors {
            Scope::Only(requestors) if requestors.len() == 1 => requestors.first(),
            Scope::Only(_) | Scope::Any => None,
        }
    }

    /// Requires a permission for at least one requestor, for calls that name none.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`] if the caller lacks it.
    pub fn require_for_some(&self, permission: Permission, environment: &EnvironmentName) -> Result<()> {
        let has_requestor = match &self.grant.requestors {
            Scope::Any => true,
            Scope::Only(requestors) => !requestors.is_empty(),
        };
        if has_requestor
            && self.grant.permissions.contains(&permission)
            && self.grant.environments.contains(environment)
        {
            Ok(())
        } else {
            Err(self.lacks(permission))
        }
    }

    fn lacks(&self, permission: Permission) -> Error {
        Error::PermissionMissing { caller: self.grant.name.to_string(), permission }
    }

    /// Requires a permission.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`] if the caller lacks it.
    pub fn require(
        &self,
        permission: Permission,
        environment: &EnvironmentName,
        requestor: &RequestorId,
    ) -> Result<()> {
        if self.may(permission, environment, requestor) { Ok(()) } else { Err(self.lacks(permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requestor(text: &str) -> RequestorId {
        RequestorId::parse("requestor_id", text).expect("valid")
    }

    #[test]
    fn a_grant_is_the_product_of_requestors_environments_and_permissions() {
        let staging = EnvironmentName::parse("environment", "staging").expect("valid");
        let production = EnvironmentName::parse("environment", "production").expect("valid");
        let caller = Caller::new(
            "support",
            Scope::Only([requestor("REF")].into()),
            Scope::Only([staging.clone()].into()),
            [Permission::CodesRead],
        );
        assert!(caller.may(Permission::CodesRead, &staging, &requestor("REF")));
        assert!(!caller.may(Permission::CodesDelete, &staging, &requestor("REF")));
        assert!(!caller.may(Permission::CodesRead, &production, &requestor("REF")));
        assert!(!caller.may(Permission::CodesRead, &staging, &requestor("OTHER")));
    }

    #[test]
    fn the_only_requestor_is_returned_if_there_is_exactly_one() {
        let of = |requestors| {
            let caller = Caller::new("device", requestors, Scope::Any, Permission::DEVICE);
            caller.only_requestor().cloned()
        };
        assert_eq!(of(Scope::Only([requestor("REF")].into())), Some(requestor("REF")));
        assert_eq!(of(Scope::Only([requestor("REF"), requestor("REF2")].into())), None);
        assert_eq!((of(Scope::Only([].into())), of(Scope::Any)), (None, None));
    }
}
