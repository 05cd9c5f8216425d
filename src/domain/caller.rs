//! Who calls, and what it may do. Every face makes one of these; use cases ask it and nothing else.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    call::CallContext,
    credential::Credential,
    error::{Error, Result, Violation},
    id::{EnvironmentName, RequestorId},
};

/// Something that a caller may be allowed to do.
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
    /// Authorize by a TempPass.
    #[serde(rename = "temp_passes.authorize")]
    TempPassesAuthorize,
    /// Look at trials.
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
    /// Look at logins, and at what operators tell of viewers.
    #[serde(rename = "entitlements.read")]
    EntitlementsRead,
    /// Ask what may be watched by a login.
    #[serde(rename = "entitlements.authorize")]
    EntitlementsAuthorize,
    /// End logins.
    #[serde(rename = "entitlements.logout")]
    EntitlementsLogout,
}

impl Permission {
    /// Every permission there is.
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

    /// What a device may do unless it was granted something else. Resets are not among it: a viewer can take the token
    /// from the device.
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

    /// Takes `text` from the request's, or the configuration's, `field`.
    ///
    /// # Errors
    /// Where no permission has this name.
    pub fn parse(field: &str, text: &str) -> std::result::Result<Self, Violation> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.into_iter().map(Self::as_str).collect();
            Violation::new(field, format!("{text:?} is no permission; there are {}", known.join(", ")))
        })
    }

    /// The permission's name in the configuration.
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

/// A set of names, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "Option<BTreeSet<T>>",
    from = "Option<BTreeSet<T>>",
    bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>")
)]
pub enum Scope<T: Ord> {
    /// Whatever there is.
    Any,
    /// Only these.
    Only(BTreeSet<T>),
}

impl<T: Ord> Scope<T> {
    /// Whether the set holds `item`.
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

/// A caller and its grant: requestors × environments × permissions; and the call that it makes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    grant: Arc<Grant>,
    credential: Option<Arc<Credential>>,
    context: CallContext,
}

#[derive(Debug)]
struct Grant {
    name: Arc<str>,
    requestors: Scope<RequestorId>,
    environments: Scope<EnvironmentName>,
    permissions: BTreeSet<Permission>,
}

impl Caller {
    /// A caller known as `name` with what it is granted.
    #[must_use]
    pub fn new(
        name: impl Into<Arc<str>>,
        requestors: Scope<RequestorId>,
        environments: Scope<EnvironmentName>,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        let permissions = permissions.into_iter().collect();
        let grant = Arc::new(Grant { name: name.into(), requestors, environments, permissions });
        Self { grant, credential: None, context: CallContext::default() }
    }

    /// Whoever reaches a server that asks for no authentication. It may do everything, which is why such a
    /// server listens on loopback only.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new("anonymous", Scope::Any, Scope::Any, Permission::ALL)
    }

    /// The same caller in a call of its.
    #[must_use]
    pub fn in_call(self, context: CallContext) -> Self {
        Self { context, ..self }
    }

    /// The same caller, known by this.
    #[must_use]
    pub(crate) fn known_by(self, credential: Arc<Credential>) -> Self {
        Self { credential: Some(credential), ..self }
    }

    /// What the configuration knows the caller by; absent where it does not list it.
    #[must_use]
    pub(crate) fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    /// What goes along with the call to a backend.
    #[must_use]
    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// The name by which logs, audits and request ids know the caller.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.grant.name
    }

    /// Whether the caller may do this.
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

    /// The one requestor that the caller may act for, if it is exactly one: that of a request which is signed by itself, or
    /// of a device whose statement names one.
    #[must_use]
    pub fn only_requestor(&self) -> Option<&RequestorId> {
        match &self.grant.requestors {
            Scope::Only(requestors) if requestors.len() == 1 => requestors.first(),
            Scope::Only(_) | Scope::Any => None,
        }
    }

    /// Insists on a permission for any requestor at all, where a call names none.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`] where the caller lacks it.
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

    /// Insists on a permission.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`] where the caller lacks it.
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
    fn the_only_requestor_is_told_where_there_is_just_one() {
        let of = |requestors| {
            let caller = Caller::new("device", requestors, Scope::Any, Permission::DEVICE);
            caller.only_requestor().cloned()
        };
        assert_eq!(of(Scope::Only([requestor("REF")].into())), Some(requestor("REF")));
        assert_eq!(of(Scope::Only([requestor("REF"), requestor("REF2")].into())), None);
        assert_eq!((of(Scope::Only([].into())), of(Scope::Any)), (None, None));
    }
}
