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
    answer(face, request, Endpoint::Authorize, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let about = device.zip(flow.resource(&mut violations));
        let (device, resource) = flow.valid(about, violations).await?;
        let requestor = device.place.requestor.clone();
        let login = Login { device, mvpd: None };
        let request = AuthorizeResource { login, resource, keeps_token: true };
        let authorized = flow.face.entitlement.authorize(&flow.identity.caller, request).await?;
        let decision = authorized.decision;
        match (decision.refusal, authorized.mvpd) {
            (Some(refusal), _) => Err(FlowFailure::Refused(refusal)),
            (None, Some(mvpd)) => {
                let expires = flow.expires(decision.expire_time);
                Ok(authorization(&expires, &mvpd, &requestor, &decision.resource).answer(flow.format)?)
            }
            (None, None) => Err(Error::Internal("a decision without a login".to_owned()).into()),
        }
    })
    .await
}

/// `GET /api/v1/tokens/authz`
pub(super) async fn tokens_authz(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Authz, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let about = device.zip(flow.resource(&mut violations));
        let (device, resource) = flow.valid(about, violations).await?;
        let requestor = device.place.requestor.clone();
        let kept = flow.face.entitlement.kept_decision(&flow.identity.caller, device, &resource).await?;
        match kept {
            StoredDecision::NotLoggedIn { has_expired: true } => Err(Error::ProfileExpired.into()),
            StoredDecision::NotLoggedIn { has_expired: false } => Err(Error::ProfileNotFound.into()),
            StoredDecision::None => Err(FlowFailure::NotFound),
            StoredDecision::Expired => Err(FlowFailure::Gone),
            StoredDecision::Valid { mvpd, expire_time } => {
                let expires = flow.expires(expire_time);
                Ok(authorization(&expires, &mvpd, &requestor, resource.as_str()).answer(flow.format)?)
            }
        }
    })
    .await
}

/// `GET /api/v1/tokens/media`, `GET /api/v1/mediatoken`
pub(super) async fn tokens_media(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Media, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let about = device.zip(flow.resource(&mut violations));
        let (device, resource) = flow.valid(about, violations).await?;
        let (requestor, text) = (device.place.requestor.clone(), resource.as_str().to_owned());
        let caller = &flow.identity.caller;
        match Box::pin(flow.face.entitlement.media_token(caller, device, resource)).await? {
            MediaTokenAnswer::Refused(refusal) => Err(FlowFailure::Refused(refusal)),
            MediaTokenAnswer::Issued(issued) => {
                let expires = flow.expires(issued.token.expire_time);
                Ok(play(&expires, &issued, &requestor, &text).answer(flow.format)?)
            }
        }
    })
    .await
}

/// `GET /api/v1/preauthorize`
pub(super) async fn preauthorize(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Preauthorize, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let resources = flow.resources(&mut violations)?;
        let device = flow.valid(device, violations).await?;
        let request = Preauthorize { login: Login { device, mvpd: None }, resources };
        let preauthorized = flow.face.entitlement.preauthorize(&flow.identity.caller, request).await?;
        preauthorized_response(flow, &preauthorized)
    })
    .await
}

/// `GET /api/v1/preauthorize/{code}`
pub(super) async fn preauthorize_code(
    State(face): State<RestFace>,
    code: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::PreauthorizeCode, async |flow, mut violations| {
        let lookup = flow.lookup(code, &mut violations).await?;
        let resources = flow.resources(&mut violations)?;
        let lookup = flow.valid(lookup, violations).await?;
        let caller = &flow.identity.caller;
        let preauthorized = flow.face.entitlement.preauthorize_by_code(caller, &lookup, resources).await?;
        preauthorized_response(flow, &preauthorized)
    })
    .await
}

fn preauthorized_response(
    flow: &EntitlementCall<'_>,
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
    let is_enhanced = flow.has_enhanced_errors();
    let trace = flow.trace();
    let items = decisions.iter().map(|decision| {
        let refusal = decision.refusal.as_ref().filter(|_| is_enhanced);
        ResourceItem::new(decision, refusal.map(|refusal| FlowFailure::of_item(refusal, &trace)))
    });
    let mut response = resources(&Resources { items: items.collect() }, flow.format)?;
    let headers = response.headers_mut();
    headers.insert(RESPONSE_CONFIDENCE.0, RESPONSE_CONFIDENCE.1);
    Ok(response)
}
