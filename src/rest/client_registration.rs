//! `/o/client`: register and token (reference, section 5; RFC 7591, RFC 6749).

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Face,
    call::{Call, answer},
    failure::{Failure, Shape},
};
use crate::{
    config::Format,
    domain::{
        error::{Error, Violations},
        id::EnvironmentName,
    },
    service::client_registration::{IssueToken, OAuthError, OAuthErrorCode, RegisterClient},
};

const CLIENT_CREDENTIALS: &str = "client_credentials";

#[derive(Deserialize)]
struct RegisterBody {
    software_statement: Option<String>,
    /// The provider's own spelling; RFC 7591 has the other one.
    redirect_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
}

#[derive(Serialize)]
struct RegisterAnswer {
    client_id: String,
    client_secret: String,
    client_id_issued_at: u64,
    redirect_uris: Vec<String>,
    grant_types: [&'static str; 1],
    scopes: Vec<&'static str>,
}

#[derive(Serialize)]
struct TokenAnswer {
    id: Uuid,
    access_token: String,
    created_at: u64,
    expires_in: u64,
    token_type: &'static str,
}

pub(super) async fn register(State(face): State<Face>, request: Request) -> Response {
    oauth(&face, request, |call| {
        let body: RegisterBody = serde_json::from_slice(call.body()).map_err(|error| {
            OAuthErrorCode::InvalidRequest
                .because(format!("the body is not the JSON of a registration: {error}"))
        })?;
        let software_statement = body.software_statement.ok_or_else(|| required("software_statement"))?;
        let registered = face.client_registration.register(RegisterClient {
            environment: call.environment.clone(),
            software_statement,
            redirect_uris: body.redirect_uri.into_iter().chain(body.redirect_uris).collect(),
        })?;
        json(&RegisterAnswer {
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

pub(super) async fn token(State(face): State<Face>, request: Request) -> Response {
    oauth(&face, request, |call| {
        let mut violations = Violations::default();
        let parameters = call.parameters(&mut violations);
        let mut get = |name| parameters.filled(name, &mut violations).map(str::to_owned);
        let (grant_type, client_id, client_secret) =
            (get("grant_type"), get("client_id"), get("client_secret"));
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
            OAuthErrorCode::InvalidClient if call.headers().contains_key(AUTHORIZATION) => {
                Failure::BasicCredentials(error)
            }
            _ => error.into(),
        })?;
        json(&TokenAnswer {
            id: token.id,
            access_token: token.token,
            created_at: token.create_time.as_millis(),
            expires_in: token.expires_in,
            token_type: "bearer",
        })
    })
    .await
}

/// Answers a call in the words of OAuth.
async fn oauth(
    face: &Face,
    request: Request,
    work: impl FnOnce(&Call) -> Result<Response, Failure>,
) -> Response {
    match Call::read(face, request).await {
        Ok(call) => work(&call).unwrap_or_else(|failure| failure.shaped(Shape::OAuth)),
        Err(failure) => failure.into_response(),
    }
}

/// A client's credentials: parameters, or HTTP Basic (RFC 6749, section 2.3.1), but not both.
fn credentials(
    headers: &HeaderMap,
    client_id: Option<String>,
    client_secret: Option<String>,
    environment: &EnvironmentName,
) -> Result<IssueToken, OAuthError> {
    let basic = headers.get(AUTHORIZATION);
    let (client_id, client_secret) = match (basic, client_id, client_secret) {
        (None, Some(client_id), Some(client_secret)) => (client_id, client_secret),
        (None, None, _) => return Err(required("client_id")),
        (None, _, None) => return Err(required("client_secret")),
        (Some(basic), None, None) => basic.to_str().ok().and_then(basic_credentials).ok_or_else(|| {
            OAuthErrorCode::InvalidRequest.because("the Authorization header is not one of HTTP Basic")
        })?,
        (Some(_), ..) => {
            let text = "the client's credentials are in the Authorization header and in parameters; keep one";
            return Err(OAuthErrorCode::InvalidRequest.because(text));
        }
    };
    Ok(IssueToken { environment: environment.clone(), client_id, client_secret })
}

fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let encoded = scheme.eq_ignore_ascii_case("basic").then_some(encoded.trim())?;
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (client_id, client_secret) = text.split_once(':')?;
    let decode = |text| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some((decode(client_id)?, decode(client_secret)?))
}

fn json(answer_body: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_vec(answer_body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(answer(StatusCode::CREATED, Format::Json, body))
}

fn required(name: &str) -> OAuthError {
    OAuthErrorCode::InvalidRequest.because(format!("Required '{name}' is not present"))
}
