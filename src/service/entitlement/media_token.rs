//! Media tokens, which a player presents to a verifier.

use super::{
    DeviceContext, EntitlementService,
    authorize::{DecidingLogin, no_login},
    polls::Urgency,
};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::{Refusal, Resource},
    error::{Error, Result, UpstreamAnswer},
    id::MvpdId,
    known_device::{KnownDevice, ResourceDigest},
    temp_pass::MediaToken,
};

/// A media token and the login that it was issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    pub token: MediaToken,
    pub mvpd: MvpdId,
    /// The viewer id that apps may see.
    pub user_id: Option<String>,
}

/// A media token, or the reason that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaTokenAnswer {
    Issued(IssuedToken),
    Refused(Refusal),
}

impl EntitlementService {
    /// A media token for a resource that may be watched: the unused token of the last decision, or that of a new
    /// decision. Each token is handed out once.
    ///
    /// # Errors
    /// See [`Self::authorize`]; `UpstreamUnavailable` if a decision comes without a token.
    pub async fn media_token(
        &self,
        caller: &Caller,
        mut device: DeviceContext,
        resource: Resource,
    ) -> Result<MediaTokenAnswer> {
        let place = &device.place;
        caller.require(Permission::EntitlementsAuthorize, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let stored = self.recall(&mut device).await?;
        if let Some(issued) = self.take_token(&device, &resource).await? {
            return Ok(MediaTokenAnswer::Issued(issued));
        }
        let mvpd = match self.decider(&connection, &device, stored.as_ref(), None).await? {
            DecidingLogin::Mvpd(mvpd) => mvpd,
            DecidingLogin::NotLoggedIn { has_expired } => {
                let refusal = Refusal { reason: no_login(has_expired), ..Refusal::not_logged_in() };
                return Ok(MediaTokenAnswer::Refused(refusal));
            }
        };
        let decision = self.decide(&connection, &device, stored.as_ref(), &mvpd, &resource, false).await?;
        if let Some(refusal) = decision.refusal {
            return Ok(MediaTokenAnswer::Refused(refusal));
        }
        let token = decision.media_token.ok_or(Error::UpstreamUnavailable {
            problem: "its decision is a permit without a media token",
            answer: UpstreamAnswer::default(),
            retry_after: None,
        })?;
        // If this was the first decision of a TempPass, the upstream reports more about it from now on.
        let user_id = self.user_of(&connection, &device, &mvpd).await?;
        Ok(MediaTokenAnswer::Issued(IssuedToken { token, mvpd, user_id }))
    }

    /// Takes the token of the last decision, so that no other call gets it.
    async fn take_token(&self, device: &DeviceContext, resource: &Resource) -> Result<Option<IssuedToken>> {
        let (digest, now) = (ResourceDigest::of(resource), self.parts.clock.now());
        let take = |device: &mut KnownDevice| {
            if device.valid_login(now).is_none() || device.has_used_code() {
                return None;
            }
            let token = device.take_media_token(digest, now)?;
            let login = device.valid_login(now)?;
            Some(IssuedToken { token, mvpd: login.mvpd.clone(), user_id: login.user_id.clone() })
        };
        self.parts.memory.update(&device.key(), take).await
    }

    async fn user_of(
        &self,
        connection: &super::BackendCall,
        device: &DeviceContext,
        mvpd: &MvpdId,
    ) -> Result<Option<String>> {
        let stored = self.parts.memory.get(&device.key()).await?;
        let known = |stored: &crate::domain::port::StoredDevice| {
            let login = stored.device.login.as_ref().filter(|login| login.mvpd == *mvpd)?;
            login.user_id.clone()
        };
        if let Some(user_id) = stored.as_ref().and_then(known) {
            return Ok(Some(user_id));
        }
        match self.poll(connection, device.clone(), stored, Urgency::Playback).await {
            Ok(login) => Ok(login.user_id),
            // The token is valid without it.
            Err(_) => Ok(None),
        }
    }
}
