//! User metadata: what operators report about viewers.

use std::collections::BTreeMap;

use super::{EntitlementService, Login};
use crate::domain::{
    caller::{Caller, Permission},
    clock::Timestamp,
    entitlement::Attribute,
    error::Result,
    id::MvpdId,
};

/// What an operator reports about a viewer.
#[derive(Debug, Clone, PartialEq)]
pub struct UserMetadata {
    pub mvpd: MvpdId,
    /// The time since which this value has been observed.
    pub update_time: Option<Timestamp>,
    pub attributes: BTreeMap<String, Attribute>,
}

impl EntitlementService {
    /// The operator's current metadata of the viewer who is logged in.
    ///
    /// # Errors
    /// See [`Self::get_profile`].
    pub async fn user_metadata(&self, caller: &Caller, login: Login) -> Result<UserMetadata> {
        let place = &login.device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let (profile, known) = Box::pin(self.fresh_profile(caller, login)).await?;
        let update_time = known.and_then(|login| login.attributes).map(|(_, since)| since);
        let update_time = update_time.or(profile.issue_time);
        Ok(UserMetadata { mvpd: profile.mvpd, update_time, attributes: profile.attributes })
    }
}
