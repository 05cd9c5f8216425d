//! Preauthorize: which of several resources could be watched.

use super::{EntitlementService, Login};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::{Refusal, Resource, ResourceDecision},
    error::Result,
    id::MvpdId,
};

/// What could be watched, and by whose login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preauthorize {
    pub login: Login,
    /// At least one, and at most [`Resource::COUNT_MAX`].
    pub resources: Vec<Resource>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preauthorized {
    /// In the order of the resources.
    pub decisions: Vec<ResourceDecision>,
    /// The operator that was asked; absent where nobody is logged in.
    pub mvpd: Option<MvpdId>,
    /// Whether somebody was logged in, whose login has run out.
    pub has_expired: bool,
}

impl EntitlementService {
    /// Which of these resources could be watched.
    ///
    /// # Errors
    /// As those of [`EntitlementService::authorize`].
    pub async fn preauthorize(&self, caller: &Caller, request: Preauthorize) -> Result<Preauthorized> {
        let Preauthorize { login, resources } = request;
        let place = &login.device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let subject = self.subject(login.device)?;
        let Some(mvpd) = self.mvpd(&connection, &subject, login.mvpd).await? else {
            let refused =
                |resource: &Resource| ResourceDecision::refused(resource.as_str(), Refusal::not_logged_in());
            return Ok(Preauthorized {
                decisions: resources.iter().map(refused).collect(),
                mvpd: None,
                has_expired: false,
            });
        };
        let asked = connection.entitlements()?.preauthorize(&connection.context, &subject, &mvpd, &resources);
        Ok(Preauthorized { decisions: asked.await?, mvpd: Some(mvpd), has_expired: false })
    }
}
