//! Authorize: whether a resource may be watched now.

use super::{EntitlementService, Login};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::{Refusal, Resource, ResourceDecision},
    error::Result,
    id::MvpdId,
};

/// What is to be watched, and by whose login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorize {
    pub login: Login,
    pub resource: Resource,
    /// Whether the media token is kept for a call of its own, and a decision that holds need not be made anew.
    pub keeps_token: bool,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized {
    pub decision: ResourceDecision,
    /// The operator that was asked; absent where nobody is logged in.
    pub mvpd: Option<MvpdId>,
    /// Whether somebody was logged in, whose login has run out.
    pub has_expired: bool,
}

impl EntitlementService {
    /// Whether a resource may be watched now. A denial is an answer, and so is that nobody is logged in.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn authorize(&self, caller: &Caller, request: Authorize) -> Result<Authorized> {
        let Authorize { login, resource, keeps_token: _ } = request;
        let place = &login.device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let subject = self.subject(login.device)?;
        let Some(mvpd) = self.mvpd(&connection, &subject, login.mvpd).await? else {
            let decision = ResourceDecision::refused(resource.as_str(), Refusal::not_logged_in());
            return Ok(Authorized { decision, mvpd: None, has_expired: false });
        };
        let asked = connection.entitlements()?.authorize(&connection.context, &subject, &mvpd, &resource);
        Ok(Authorized { decision: asked.await?, mvpd: Some(mvpd), has_expired: false })
    }
}
