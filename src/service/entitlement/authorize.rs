//! Authorize: decides whether a viewer may watch a resource now.

use super::{
    BackendCall, DeviceContext, EntitlementService, Login,
    polls::{PolledDevice, Urgency},
};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::{ProfileKind, Refusal, RefusalReason, Resource, ResourceDecision},
    error::{Error, Result},
    id::MvpdId,
    known_device::{DecisionState, DeviceKey, KnownDecision, KnownDevice, ResourceDigest},
    port::StoredDevice,
};

/// The resource to decide about, and the login to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeResource {
    pub login: Login,
    pub resource: Resource,
    /// Whether the media token is fetched by a later call. A decision that is still valid may then be reused.
    pub keeps_token: bool,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceAuthorization {
    pub decision: ResourceDecision,
    /// The operator that decided; `None` if no viewer is logged in.
    pub mvpd: Option<MvpdId>,
    /// Whether there was a login that has expired.
    pub has_expired: bool,
}

/// The login to use for a decision.
pub(super) enum DecidingLogin {
    Mvpd(MvpdId),
    /// No viewer is logged in. `has_expired` says whether there was a login that has expired.
    NotLoggedIn {
        has_expired: bool,
    },
}

impl EntitlementService {
    /// Decides whether a resource may be watched now. Both a denial and a missing login are regular answers.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `InvalidFields`, `StoreUnavailable` and those of an upstream of
    /// [`Error`].
    pub async fn authorize(
        &self,
        caller: &Caller,
        request: AuthorizeResource,
    ) -> Result<ResourceAuthorization> {
        let AuthorizeResource { login, resource, keeps_token } = request;
        let Login { mut device, mvpd } = login;
        let place = &device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let stored = self.recall(&mut device).await?;
        if keeps_token
            && mvpd.is_none()
            && let Some(authorized) = self.decided_before(stored.as_ref(), &resource)
        {
            return Ok(authorized);
        }
        let mvpd = match self.decider(&connection, &device, stored.as_ref(), mvpd).await? {
            DecidingLogin::Mvpd(mvpd) => mvpd,
            DecidingLogin::NotLoggedIn { has_expired } => {
                let refusal = Refusal { reason: no_login(has_expired), ..Refusal::not_logged_in() };
                let decision = ResourceDecision::refused(resource.as_str(), refusal);
                return Ok(ResourceAuthorization { decision, mvpd: None, has_expired });
            }
        };
        let decision =
            self.decide(&connection, &device, stored.as_ref(), &mvpd, &resource, keeps_token).await?;
        let has_expired =
            decision.refusal.as_ref().is_some_and(|refusal| refusal.reason == RefusalReason::LoginExpired);
        Ok(ResourceAuthorization { decision, mvpd: Some(mvpd), has_expired })
    }

    /// A decision of an operator that is still valid. Decisions of a TempPass are not reused, since its trial may be
    /// used up by now.
    fn decided_before(
        &self,
        stored: Option<&StoredDevice>,
        resource: &Resource,
    ) -> Option<ResourceAuthorization> {
        let (device, now) = (&stored?.device, self.parts.clock.now());
        let login = device.valid_login(now)?;
        if login.kind == ProfileKind::Temporary || device.has_used_code() {
            return None;
        }
        let DecisionState::Valid(known) = device.decision(ResourceDigest::of(resource), now) else {
            return None;
        };
        let decision = ResourceDecision {
            resource: resource.as_str().to_owned(),
            source: None,
            refusal: None,
            expire_time: known.expire_time,
            media_token: None,
        };
        Some(ResourceAuthorization { decision, mvpd: Some(known.mvpd.clone()), has_expired: false })
    }

    /// The login to use: the named one, otherwise the device's. A known login is not checked at the upstream first,
    /// because the decision reports an expired login. For a TempPass, the end of its trial is the operator's answer to
    /// the viewer, and no reason to log in.
    pub(super) async fn decider(
        &self,
        connection: &BackendCall,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
        named: Option<MvpdId>,
    ) -> Result<DecidingLogin> {
        let known = || {
            let (device, now) = (&stored?.device, self.parts.clock.now());
            let login = device.login.as_ref().filter(|_| !device.has_used_code())?;
            let is_asked_by = login.kind == ProfileKind::Temporary || !login.has_expired(now);
            is_asked_by.then(|| login.mvpd.clone())
        };
        if let Some(mvpd) = named.or_else(known) {
            return Ok(DecidingLogin::Mvpd(mvpd));
        }
        match self.poll(connection, device.clone(), stored.cloned(), Urgency::Playback).await {
            Ok(login) => Ok(DecidingLogin::Mvpd(login.mvpd)),
            Err(Error::ProfileNotFound) => Ok(DecidingLogin::NotLoggedIn { has_expired: false }),
            Err(Error::ProfileExpired) => Ok(DecidingLogin::NotLoggedIn { has_expired: true }),
            Err(error) => Err(error),
        }
    }

    /// Requests a decision from the operator and stores it, with the media token if this call does not return it.
    pub(super) async fn decide(
        &self,
        connection: &BackendCall,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
        mvpd: &MvpdId,
        resource: &Resource,
        keeps_token: bool,
    ) -> Result<ResourceDecision> {
        let subject = self.subject(device, stored.map(|stored| &*stored.device))?;
        let backend = connection.entitlements()?;
        let decision = backend.authorize(&connection.context, &subject, mvpd, resource).await?;
        self.parts.count.decision_made(&device.place.environment, decision.refusal.is_none());
        self.keep_decision(&device.key(), mvpd, resource, &decision, keeps_token).await?;
        Ok(decision)
    }

    async fn keep_decision(
        &self,
        key: &DeviceKey,
        mvpd: &MvpdId,
        resource: &Resource,
        decision: &ResourceDecision,
        keeps_token: bool,
    ) -> Result<()> {
        let (digest, now) = (ResourceDigest::of(resource), self.parts.clock.now());
        let ends_login = decision.refusal.as_ref().is_some_and(|refusal| ends_login(refusal.reason));
        let is_begun = |device: &KnownDevice| device.login.as_ref().is_some_and(|login| login.is_begun(now));
        let was_begun = self
            .parts
            .memory
            .update(key, |device| {
                // If the call names an operator, its login may differ from the device's own.
                if device.login.as_ref().is_none_or(|login| login.mvpd != *mvpd) {
                    return false;
                }
                if ends_login {
                    device.note_no_login(now);
                } else if decision.refusal.is_some() {
                    device.forget_decision(digest);
                } else {
                    device.keep_decision(KnownDecision {
                        resource: digest,
                        mvpd: mvpd.clone(),
                        expire_time: decision.expire_time,
                        media_token: decision.media_token.clone().filter(|_| keeps_token),
                    });
                }
                is_begun(device)
            })
            .await?;
        // The upstream now reports more about the login than the cached answer contains.
        if ends_login || was_begun {
            self.polls.forget(PolledDevice::new(key));
        }
        Ok(())
    }
}

/// The denial reason when no decision was requested.
pub(super) fn no_login(has_expired: bool) -> RefusalReason {
    if has_expired { RefusalReason::LoginExpired } else { RefusalReason::NotLoggedIn }
}

/// Whether the reason for denying a resource concerns the login (reference of the device flow, section 5.2).
fn ends_login(reason: RefusalReason) -> bool {
    match reason {
        RefusalReason::NotLoggedIn
        | RefusalReason::LoginExpired
        | RefusalReason::LoginInvalidated
        | RefusalReason::ViewerUnknown
        | RefusalReason::HomeBased => true,
        RefusalReason::TrialExpired
        | RefusalReason::TrialExhausted
        | RefusalReason::Operator
        | RefusalReason::ParentalControls
        | RefusalReason::Degradation
        | RefusalReason::Undecided
        | RefusalReason::Configuration
        | RefusalReason::Other => false,
    }
}
