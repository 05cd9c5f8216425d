//! The last decision about a resource, for clients that do not request a new one.

use super::{DeviceContext, EntitlementService, authorize::DecidingLogin};
use crate::domain::{
    caller::{Caller, Permission},
    clock::Timestamp,
    entitlement::Resource,
    error::Result,
    id::MvpdId,
    known_device::{DecisionState, ResourceDigest},
};

/// What is known of a decision about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredDecision {
    /// No viewer is logged in.
    NotLoggedIn {
        /// Whether there was a login that has expired.
        has_expired: bool,
    },
    /// There is no decision.
    None,
    /// The decision has expired.
    Expired,
    /// The resource may be watched.
    Valid {
        /// The operator of the login.
        mvpd: MvpdId,
        /// The expiry, if known.
        expire_time: Option<Timestamp>,
    },
}

impl EntitlementService {
    /// The last decision about a resource. Does not request a new decision from the upstream.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn kept_decision(
        &self,
        caller: &Caller,
        mut device: DeviceContext,
        resource: &Resource,
    ) -> Result<StoredDecision> {
        let place = &device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let stored = self.recall(&mut device).await?;
        if let DecidingLogin::NotLoggedIn { has_expired } =
            self.decider(&connection, &device, stored.as_ref(), None).await?
        {
            return Ok(StoredDecision::NotLoggedIn { has_expired });
        }
        let Some(stored) = self.parts.memory.get(&device.key()).await? else {
            return Ok(StoredDecision::None);
        };
        Ok(match stored.device.decision(ResourceDigest::of(resource), self.parts.clock.now()) {
            DecisionState::None => StoredDecision::None,
            DecisionState::Expired => StoredDecision::Expired,
            DecisionState::Valid(known) => {
                StoredDecision::Valid { mvpd: known.mvpd.clone(), expire_time: known.expire_time }
            }
        })
    }
}
