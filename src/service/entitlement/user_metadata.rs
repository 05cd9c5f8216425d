//! What operators tell of viewers.

use std::collections::BTreeMap;

use super::{EntitlementService, Login};
use crate::domain::{
    caller::{Caller, Permission},
    clock::Timestamp,
    entitlement::Attribute,
    error::Result,
    id::MvpdId,
};

/// What an operator tells of a viewer.
#[derive(Debug, Clone, PartialEq)]
pub struct UserMetadata {
    pub mvpd: MvpdId,
    /// Since when it has been so, as far as was seen.
    pub update_time: Option<Timestamp>,
    pub attributes: BTreeMap<String, Attribute>,
}

impl EntitlementService {
    /// What the operator tells of the viewer who is logged in, as it is now.
    ///
    /// # Errors
    /// As those of [`Self::get_profile`].
    pub async fn user_metadata(&self, caller: &Caller, login: Login) -> Result<UserMetadata> {
        let place = &login.device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let (profile, known) = Box::pin(self.fresh_profile(caller, login)).await?;
        let update_time = known.and_then(|login| login.attributes).map(|(_, since)| since);
        let update_time = update_time.or(profile.issue_time);
        Ok(UserMetadata { mvpd: profile.mvpd, update_time, attributes: profile.attributes })
    }
}
