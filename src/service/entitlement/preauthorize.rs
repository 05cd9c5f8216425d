//! Preauthorize: determines which of several resources a viewer could watch.

use super::{
    BackendCall, DeviceContext, EntitlementService, Login,
    authorize::{DecidingLogin, no_login},
};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::{Refusal, Resource, ResourceDecision},
    error::Result,
    id::MvpdId,
    port::StoredDevice,
};

/// The resources to decide about, and the login to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preauthorize {
    pub login: Login,
    /// At least one, and at most [`Resource::COUNT_MAX`].
    pub resources: Vec<Resource>,
}

/// The decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preauthorized {
    /// In the order of the resources.
    pub decisions: Vec<ResourceDecision>,
    /// The operator that decided; `None` if no viewer is logged in.
    pub mvpd: Option<MvpdId>,
    /// Whether there was a login that has expired.
    pub has_expired: bool,
}

impl EntitlementService {
    /// Determines which of these resources could be watched.
    ///
    /// # Errors
    /// See [`EntitlementService::authorize`].
    pub async fn preauthorize(&self, caller: &Caller, request: Preauthorize) -> Result<Preauthorized> {
        let Preauthorize { login: Login { mut device, mvpd }, resources } = request;
        let place = &device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let stored = self.recall(&mut device).await?;
        match self.decider(&connection, &device, stored.as_ref(), mvpd).await? {
            DecidingLogin::Mvpd(mvpd) => {
                self.could_watch(&connection, &device, stored.as_ref(), mvpd, &resources).await
            }
            DecidingLogin::NotLoggedIn { has_expired } => {
                let refusal = Refusal { reason: no_login(has_expired), ..Refusal::not_logged_in() };
                let refused =
                    |resource: &Resource| ResourceDecision::refused(resource.as_str(), refusal.clone());
                Ok(Preauthorized {
                    decisions: resources.iter().map(refused).collect(),
                    mvpd: None,
                    has_expired,
                })
            }
        }
    }

    /// Determines which of these resources the device's login with this operator could watch.
    pub(super) async fn could_watch(
        &self,
        connection: &BackendCall,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
        mvpd: MvpdId,
        resources: &[Resource],
    ) -> Result<Preauthorized> {
        let subject = self.subject(device, stored.map(|stored| &*stored.device))?;
        let asked = connection.entitlements()?.preauthorize(&connection.context, &subject, &mvpd, resources);
        Ok(Preauthorized { decisions: asked.await?, mvpd: Some(mvpd), has_expired: false })
    }
}
