//! Logins: start, check, end.

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use reqwest::Url;

use super::{
    Endpoint, EntitlementCall, FlowFailure, answer,
    document::{SuccessBody, authentication, document},
    parameters::{RedirectUrl, redirect_url as redirect_url_of, unencoded_redirect_url},
};
use crate::{
    domain::{
        entitlement::{DOMAIN_NAME_MAX, LoginStart},
        error::{Error, Violations},
        id::MvpdId,
        known_device::KnownLogin,
    },
    rest::{RestFace, regcode::missing},
    service::{entitlement::StartLogin, registration::Lookup},
};

type PathParameter = Result<Path<String>, PathRejection>;

/// `GET /api/v1/authenticate`: redirects the viewer's browser directly to the upstream. Redirects to the URL of the query only
/// if the code is known.
pub(super) async fn authenticate(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Authenticate, async |flow, mut violations| {
        let start = start(flow, &mut violations).await?;
        let start = flow.valid(start, violations).await?;
        let (start, redirect_url) = start;
        let url = match flow.face.entitlement.start_login(&flow.identity.caller, start).await? {
            LoginStart::Login { url } => url,
            LoginStart::AlreadyAuthenticated { .. } => redirect_url.into(),
            LoginStart::Incomplete { .. } => {
                return Err(
                    Error::Internal("an incomplete login has no response in version 1".to_owned()).into()
                );
            }
        };
        let location = HeaderValue::from_str(&url)
            .map_err(|_| Error::Internal("a URL that is invalid in a header".to_owned()))?;
        let headers =
            [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        Ok((StatusCode::FOUND, headers).into_response())
    })
    .await
}

/// Reads the login to start and the URL to which its browser returns.
async fn start(
    flow: &EntitlementCall<'_>,
    violations: &mut Violations,
) -> Result<Option<(StartLogin, Url)>, FlowFailure> {
    let mut required = |name| {
        let count_before = violations.count();
        let text = flow.parameters.filled(name, violations).map(str::to_owned);
        if text.is_none() && violations.count() == count_before {
            violations.add("", missing(name));
        }
        text
    };
    let (code, mvpd) = (required("reg_code"), required("mso_id"));
    let domain_name = required("domain_name");
    let whole = unencoded_redirect_url(flow.call.query());
    let redirect_url = whole.map(str::to_owned).or_else(|| required("redirect_url"));
    let mvpd = mvpd.and_then(|text| violations.take(MvpdId::parse("mso_id", &text)));
    if let Some(code) = &code {
        violations.take(crate::domain::code::check_typed("reg_code", code));
    }
    if let Some(name) = &domain_name {
        violations.check_text("domain_name", name, DOMAIN_NAME_MAX);
    }
    let redirect_url = redirect_url.and_then(|text| violations.take(redirect_url_of("redirect_url", &text)));
    let temp_pass_identity = flow.identity(violations);
    let place = flow.place(None, violations).await?;
    let parts = (place, code, mvpd, domain_name, redirect_url);
    let (Some(place), Some(typed), Some(mvpd), Some(domain_name), Some(redirect_url)) = parts else {
        return Ok(None);
    };
    let RedirectUrl { text: redirect_url, url } = redirect_url;
    let lookup = Lookup { place, typed, viewer: Some(flow.call.addresses.client) };
    let start = StartLogin { lookup, mvpd: Some(mvpd), domain_name, redirect_url, temp_pass_identity };
    Ok(Some((start, url)))
}

/// `GET /api/v1/authenticate/{code}`: returns the device's login by its code.
pub(super) async fn authenticate_code(
    State(face): State<RestFace>,
    code: PathParameter,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::AuthenticateCode, async |flow, mut violations| {
        let lookup = flow.lookup(code, &mut violations).await?;
        let lookup = flow.valid(lookup, violations).await?;
        let ip = Some(flow.call.addresses.device);
        let login = flow.face.entitlement.device_login(&flow.identity.caller, &lookup, ip).await?;
        let expires = flow.expires(login.expire_time);
        Ok(authentication(&expires, &login, &lookup.place.requestor).answer(flow.format)?)
    })
    .await
}

/// `GET /api/v1/checkauthn/{code}`: tells the second-screen page whether the login succeeded, and nothing else.
pub(super) async fn checkauthn_code(
    State(face): State<RestFace>,
    code: PathParameter,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::CheckAuthnCode, async |flow, mut violations| {
        let lookup = flow.lookup(code, &mut violations).await?;
        let lookup = flow.valid(lookup, violations).await?;
        let KnownLogin { .. } = flow.face.entitlement.page_login(&flow.identity.caller, &lookup).await?;
        Ok(document("result", &SuccessBody::OK, flow.format)?)
    })
    .await
}

/// `GET /api/v1/checkauthn`: tells the device whether it is logged in.
pub(super) async fn checkauthn(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::CheckAuthn, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let device = flow.valid(device, violations).await?;
        flow.face.entitlement.check_login(&flow.identity.caller, device).await?;
        Ok(document("result", &SuccessBody::OK, flow.format)?)
    })
    .await
}

/// `GET /api/v1/tokens/authn`: returns the device's login.
pub(super) async fn tokens_authn(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::TokensAuthn, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let device = flow.valid(device, violations).await?;
        let requestor = device.place.requestor.clone();
        let login = flow.face.entitlement.login_token(&flow.identity.caller, device).await?;
        let expires = flow.expires(login.expire_time);
        Ok(authentication(&expires, &login, &requestor).answer(flow.format)?)
    })
    .await
}

/// `DELETE /api/v1/logout`
pub(super) async fn logout(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::Logout, async |flow, mut violations| {
        let device = flow.device(&mut violations).await?;
        let device = flow.valid(device, violations).await?;
        flow.face.entitlement.log_out(&flow.identity.caller, device).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

/// `POST /api/v1/authenticate/freepreview`
pub(super) async fn freepreview(State(face): State<RestFace>, request: Request) -> Response {
    answer(face, request, Endpoint::FreePreview, async |flow, mut violations| {
        let count_before = violations.count();
        let mvpd = flow.parameters.filled("mso_id", &mut violations).map(str::to_owned);
        if mvpd.is_none() && violations.count() == count_before {
            violations.add("", missing("mso_id"));
        }
        let mvpd = mvpd.and_then(|text| violations.take(MvpdId::parse("mso_id", &text)));
        let device = flow.device(&mut violations).await?;
        let (device, mvpd) = flow.valid(device.zip(mvpd), violations).await?;
        flow.face.entitlement.begin_temp_pass(&flow.identity.caller, device, mvpd).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
