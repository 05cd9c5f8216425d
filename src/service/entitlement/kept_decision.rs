//! The last decision about a resource, for who asks without wanting a new one.

use super::{Device, EntitlementService};
use crate::domain::{caller::Caller, clock::Timestamp, entitlement::Resource, error::Result, id::MvpdId};

/// What is known of a decision about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptDecision {
    /// Nobody is logged in; and whether somebody was, whose login has run out.
    NotLoggedIn {
        /// Whether there was a login.
        has_expired: bool,
    },
    /// Nothing was decided.
    None,
    /// What was decided holds no more.
    Expired,
    /// The resource may be watched.
    Valid {
        /// By the login with this operator.
        mvpd: MvpdId,
        /// Until when, where that is said.
        expire_time: Option<Timestamp>,
    },
}

impl EntitlementService {
    /// The last decision about a resource. The upstream is not asked to decide anew.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn kept_decision(
        &self,
        caller: &Caller,
        device: Device,
        resource: &Resource,
    ) -> Result<KeptDecision> {
        let _ = (caller, device, resource);
        todo!()
    }
}
