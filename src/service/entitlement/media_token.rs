//! Media tokens: what a player shows a verifier.

use super::{Device, EntitlementService};
use crate::domain::{
    caller::Caller,
    entitlement::{Refusal, Resource},
    error::Result,
    id::MvpdId,
    temp_pass::MediaToken,
};

/// A media token, and by whose login it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    pub token: MediaToken,
    pub mvpd: MvpdId,
    /// The viewer as apps may know them.
    pub user_id: Option<String>,
}

/// A media token, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaTokenAnswer {
    Issued(IssuedToken),
    Refused(Refusal),
}

impl EntitlementService {
    /// A media token for a resource that may be watched: the one that came with the last decision, if nobody got that, or one of
    /// a new decision. Each is handed out once.
    ///
    /// # Errors
    /// As those of [`Self::authorize`].
    pub async fn media_token(
        &self,
        caller: &Caller,
        device: Device,
        resource: Resource,
    ) -> Result<MediaTokenAnswer> {
        let _ = (caller, device, resource);
        todo!()
    }
}
