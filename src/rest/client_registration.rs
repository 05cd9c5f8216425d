//! `/o/client`: register and token (reference, section 5; RFC 7591, RFC 6749).

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    RestFace, X_DEVICE_INFO,
    call::{RestCall, answer},
    failure::{ErrorShape, Failure},
    route,
};
use crate::{
    config::ResponseFormat,
    domain::{
        backend::{RegistrationRelay, RelayedCall},
        error::{Error, Violations},
        id::EnvironmentName,
        secret::SecretText,
    },
    service::client_registration::{IssueToken, OAuthError, OAuthErrorCode, RegisterClient},
};

const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The maximum body size, in bytes: these callers are not authenticated yet.
const BODY_MAX: usize = 32 * 1024;

#[derive(Deserialize)]
pub(super) struct RegisterBody {
    #[serde(default)]
    software_statement: Option<SecretText>,
    /// The provider's name of `redirect_uris` (RFC 7591).
    #[serde(default)]
    redirect_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Option<Vec<String>>,
}

#[derive(Serialize)]
struct RegisterResponse {
    client_id: String,
    client_secret: SecretText,
    client_id_issued_at: u64,
    redirect_uris: Vec<String>,
    grant_types: [&'static str; 1],
    scopes: Vec<&'static str>,
}

#[derive(Serialize)]
struct TokenResponse {
    id: Uuid,
    access_token: SecretText,
    created_at: u64,
    expires_in: u64,
    token_type: &'static str,
}

pub(super) async fn register(State(face): State<RestFace>, request: Request) -> Response {
    oauth(&face, request, route::REGISTER, |call| {
        let RegisterBody { software_statement, redirect_uri, redirect_uris } = registration(call.body())?;
        let software_statement = software_statement.filter(|statement| !statement.reveal().is_empty());
        let registered = face.client_registration.register(RegisterClient {
            environment: call.environment.clone(),
            software_statement: software_statement.ok_or_else(|| required("software_statement"))?,
            redirect_uris: redirect_uri
                .into_iter()
                .filter(|uri| !uri.is_empty())
                .chain(redirect_uris.unwrap_or_default())
                .collect(),
        })?;
        json(&RegisterResponse {
            client_id: registered.client_id,
            client_secret: registered.client_secret,
            client_id_issued_at: registered.issued_at,
            redirect_uris: registered.redirect_uris,
            grant_types: [CLIENT_CREDENTIALS],
            scopes: registered.permissions.into_iter().map(|permission| permission.as_str()).collect(),
        })
    })
    .await
}

pub(super) async fn token(State(face): State<RestFace>, request: Request) -> Response {
    oauth(&face, request, route::TOKEN, |call| {
        let mut violations = Violations::default();
        let parameters = call.parameters(&mut violations);
        let mut get = |name| parameters.filled(name, &mut violations).map(str::to_owned);
        let (grant_type, client_id, client_secret) =
            (get("grant_type"), get("client_id"), get("client_secret"));
        if grant_type.is_none() {
            parameters.check_body(&mut violations);
        }
        if !violations.is_empty() {
            return Err(OAuthErrorCode::InvalidRequest.because(violations.into_error().to_string()).into());
        }
        let grant_type = grant_type.ok_or_else(|| required("grant_type"))?;
        if grant_type != CLIENT_CREDENTIALS {
            let text = format!("grant_type must be {CLIENT_CREDENTIALS}");
            return Err(OAuthErrorCode::UnsupportedGrantType.because(text).into());
        }
        let request = credentials(call.headers(), client_id, client_secret, &call.environment)?;
        let issued = face.client_registration.issue_token(&request);
        let token = issued.map_err(|error| match error.code {
            OAuthErrorCode::InvalidClient if basic(call.headers()).is_some() => {
                Failure::BasicCredentials(error)
            }
            _ => error.into(),
        })?;
        json(&TokenResponse {
            id: token.id,
            access_token: token.token,
            created_at: token.create_time.as_millis(),
            expires_in: token.expires_in,
            token_type: "bearer",
        })
    })
    .await
}

pub(super) fn registration(body: &[u8]) -> Result<RegisterBody, OAuthError> {
    let refused = |text: String| OAuthErrorCode::InvalidRequest.because(text);
    let object: serde_json::Map<_, _> = serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        refused(format!("the body must be a JSON object with software_statement; the error is at {place}"))
    })?;
    serde_json::from_value(object.into()).map_err(|_| {
        refused(
            "software_statement and redirect_uri must be strings, and redirect_uris a list of strings"
                .to_owned(),
        )
    })
}

/// Answers a call with OAuth's errors: with the upstream's response if the environment's clients register there,
/// otherwise with the result of `work`.
async fn oauth(
    face: &RestFace,
    request: Request,
    path: &'static str,
    work: impl FnOnce(&RestCall) -> Result<Response, Failure>,
) -> Response {
    let call = match RestCall::read(face, request, BODY_MAX).await {
        Ok(call) => call,
        Err(failure) => return failure.into_response(),
    };
    let upstream = face.policy.load().relaying_upstream(&call.environment).cloned();
    let answer = match upstream {
        Some(upstream) => relay(&*upstream.relay, &call, path).await,
        None => work(&call),
    };
    answer.unwrap_or_else(|failure| failure.shaped(ErrorShape::OAuth))
}

async fn relay(
    relay: &dyn RegistrationRelay,
    call: &RestCall,
    path: &'static str,
) -> Result<Response, Failure> {
    let own = [ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT, X_DEVICE_INFO];
    let own = own.into_iter().filter_map(|name| Some((name.clone(), call.headers().get(name)?.clone())));
    let own = own.filter(|(_, value)| !value.is_empty());
    let relayed = RelayedCall {
        path,
        query: call.query().to_owned(),
        headers: own.collect(),
        body: call.body().to_vec().into(),
        device: Some(call.addresses.device),
    };
    let answer = relay.send(&call.context(), relayed).await?;
    let mut response = (answer.status, [(CACHE_CONTROL, "no-store")], answer.body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().extend(answer.headers);
    Ok(response)
}

/// Returns a client's credentials, from parameters or HTTP Basic (RFC 6749, section 2.3.1), but not both.
fn credentials(
    headers: &HeaderMap,
    client_id: Option<String>,
    client_secret: Option<String>,
    environment: &EnvironmentName,
) -> Result<IssueToken, OAuthError> {
    let basic = basic(headers);
    let (client_id, client_secret) = match (basic, client_id, client_secret) {
        (None, Some(client_id), Some(client_secret)) => (client_id, client_secret),
        (None, None, _) => return Err(required("client_id")),
        (None, _, None) => return Err(required("client_secret")),
        (Some(basic), None, None) => basic_credentials(basic).ok_or_else(|| {
            OAuthErrorCode::InvalidRequest.because("the Authorization header must be valid HTTP Basic")
        })?,
        (Some(_), ..) => {
            let text = "the client's credentials must be either in the Authorization header or in parameters, not in both";
            return Err(OAuthErrorCode::InvalidRequest.because(text));
        }
    };
    Ok(IssueToken { environment: environment.clone(), client_id, client_secret: client_secret.into() })
}

/// Returns the credentials after `Basic` in the Authorization header. Other schemes are ignored.
fn basic(headers: &HeaderMap) -> Option<&str> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(encoded.trim())
}

pub(super) fn basic_credentials(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (client_id, client_secret) = text.split_once(':')?;
    let decode = |text| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some((decode(client_id)?, decode(client_secret)?))
}

fn json(answer_body: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_vec(answer_body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(answer(StatusCode::CREATED, ResponseFormat::Json, body))
}

fn required(name: &str) -> OAuthError {
    OAuthErrorCode::InvalidRequest.because(format!("Required '{name}' is not present"))
}
