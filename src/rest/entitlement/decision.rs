//! Decisions and media tokens: `authorize`, `tokens/authz`, `tokens/media` and `preauthorize`.

use super::{
    Endpoint, EntitlementCall, FlowFailure, RESPONSE_CONFIDENCE, answer,
    document::{ResourceItem, Resources, authorization, play, resources},
};
use crate::{
    domain::{entitlement::RefusalReason, error::Error},
    rest::RestFace,
    service::entitlement::{
        AuthorizeResource, Login, MediaTokenAnswer, Preauthorize, Preauthorized, StoredDecision,
    },
};
use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};

/// `GET /api/v1/authorize`
pub(super) async fn authorize(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Authorize, async |asked, mut violations| {
        let device = asked.device(&mut violations).await?;
        let about = device.zip(asked.resource(&mut violations));
        let (device, resource) = asked.valid(about, violations).await?;
        let requestor = device.place.requestor.clone();
        let login = Login { device, mvpd: None };
        let request = AuthorizeResource { login, resource, keeps_token: true };
        let authorized = asked.face.entitlement.authorize(&asked.identity.caller, request).await?;
        let decision = authorized.decision;
        match (decision.refusal, authorized.mvpd) {
            (Some(refusal), _) => Err(FlowFailure::Refused(refusal)),
            (None, Some(mvpd)) => {
                let expires = asked.expires(decision.expire_time);
                Ok(authorization(&expires, &mvpd, &requestor, &decision.resource).answer(asked.format)?)
            }
            (None, None) => Err(Error::Internal("a decision without a login".to_owned()).into()),
        }
    })
    .await
}

/// `GET /api/v1/tokens/authz`
pub(super) async fn tokens_authz(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Authz, async |asked, mut violations| {
        let device = asked.device(&mut violations).await?;
        let about = device.zip(asked.resource(&mut violations));
        let (device, resource) = asked.valid(about, violations).await?;
        let requestor = device.place.requestor.clone();
        let kept = asked.face.entitlement.kept_decision(&asked.identity.caller, device, &resource).await?;
        match kept {
            StoredDecision::NotLoggedIn { has_expired: true } => Err(Error::ProfileExpired.into()),
            StoredDecision::NotLoggedIn { has_expired: false } => Err(Error::ProfileNotFound.into()),
            StoredDecision::None => Err(FlowFailure::NotFound),
            StoredDecision::Expired => Err(FlowFailure::Gone),
            StoredDecision::Valid { mvpd, expire_time } => {
                let expires = asked.expires(expire_time);
                Ok(authorization(&expires, &mvpd, &requestor, resource.as_str()).answer(asked.format)?)
            }
        }
    })
    .await
}

/// `GET /api/v1/tokens/media`, `GET /api/v1/mediatoken`
pub(super) async fn tokens_media(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Media, async |asked, mut violations| {
        let device = asked.device(&mut violations).await?;
        let about = device.zip(asked.resource(&mut violations));
        let (device, resource) = asked.valid(about, violations).await?;
        let (requestor, text) = (device.place.requestor.clone(), resource.as_str().to_owned());
        let caller = &asked.identity.caller;
        match Box::pin(asked.face.entitlement.media_token(caller, device, resource)).await? {
            MediaTokenAnswer::Refused(refusal) => Err(FlowFailure::Refused(refusal)),
            MediaTokenAnswer::Issued(issued) => {
                let expires = asked.expires(issued.token.expire_time);
                Ok(play(&expires, &issued, &requestor, &text).answer(asked.format)?)
            }
        }
    })
    .await
}

/// `GET /api/v1/preauthorize`
pub(super) async fn preauthorize(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Preauthorize, async |asked, mut violations| {
        let device = asked.device(&mut violations).await?;
        let resources = asked.resources(&mut violations)?;
        let device = asked.valid(device, violations).await?;
        let request = Preauthorize { login: Login { device, mvpd: None }, resources };
        let preauthorized = asked.face.entitlement.preauthorize(&asked.identity.caller, request).await?;
        preauthorized_response(asked, &preauthorized)
    })
    .await
}

/// `GET /api/v1/preauthorize/{code}`
pub(super) async fn preauthorize_code(
    State(face): State<RestFace>,
    code: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::PreauthorizeCode, async |asked, mut violations| {
        let lookup = asked.lookup(code, &mut violations).await?;
        let resources = asked.resources(&mut violations)?;
        let lookup = asked.valid(lookup, violations).await?;
        let caller = &asked.identity.caller;
        let preauthorized = asked.face.entitlement.preauthorize_by_code(caller, &lookup, resources).await?;
        preauthorized_response(asked, &preauthorized)
    })
    .await
}

fn preauthorized_response(
    asked: &EntitlementCall<'_>,
    preauthorized: &Preauthorized,
) -> Result<Response, FlowFailure> {
    let Preauthorized { decisions, mvpd, has_expired } = preauthorized;
    let reasons = decisions.iter().map(|decision| decision.refusal.as_ref().map(|refusal| refusal.reason));
    let lacks_login =
        |reason| matches!(reason, Some(RefusalReason::NotLoggedIn | RefusalReason::LoginExpired));
    if mvpd.is_none() || (!decisions.is_empty() && reasons.clone().all(lacks_login)) {
        let expired =
            *has_expired || reasons.clone().any(|reason| reason == Some(RefusalReason::LoginExpired));
        return Err(if expired { Error::ProfileExpired } else { Error::ProfileNotFound }.into());
    }
    let is_enhanced = asked.has_enhanced_errors();
    let trace = asked.trace();
    let items = decisions.iter().map(|decision| {
        let refusal = decision.refusal.as_ref().filter(|_| is_enhanced);
        ResourceItem::new(decision, refusal.map(|refusal| FlowFailure::of_item(refusal, &trace)))
    });
    let mut response = resources(&Resources { items: items.collect() }, asked.format)?;
    let headers = response.headers_mut();
    headers.insert(RESPONSE_CONFIDENCE.0, RESPONSE_CONFIDENCE.1);
    Ok(response)
}
