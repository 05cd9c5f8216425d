//! Dynamic client registration (reference, section 5).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{answer::Answer, call::Call, random, state::Mock};

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    software_statement: Option<String>,
    #[serde(default)]
    redirect_uri: Option<String>,
}

/// `POST /o/client/register`
pub(crate) fn register(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let sent: Registration = serde_json::from_slice(&call.body).map_err(|_| refusal("invalid_request"))?;
    let statement = sent.software_statement.filter(|text| !text.is_empty());
    let statement = statement.ok_or_else(|| refusal("invalid_request"))?;
    if statement.contains("unapproved") {
        return Err(refusal("unapproved_software_statement"));
    }
    if statement.contains("invalid") {
        return Err(refusal("invalid_software_statement"));
    }
    if sent.redirect_uri.as_deref().is_some_and(|uri| !is_uri(uri)) {
        return Err(refusal("invalid_redirect_uri"));
    }
    let now = mock.clock.now();
    let client = mock.clients.register(&statement, mock.settings.clients_per_statement);
    Ok(created(&json!({
        "client_id": client.id,
        "client_secret": client.secret,
        "client_id_issued_at": now / 1000,
        "redirect_uris": Vec::from_iter(sent.redirect_uri),
        "grant_types": ["client_credentials"],
        "scopes": ["api:client:v2"],
    })))
}

/// `POST /o/client/token`
pub(crate) fn token(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let parameters = call.parameters();
    let required = |name| parameters.get(name).ok_or_else(|| refusal("invalid_request"));
    let (id, secret) = (required("client_id")?, required("client_secret")?);
    if required("grant_type")? != "client_credentials" {
        return Err(refusal("unsupported_grant_type"));
    }
    let now = mock.clock.now();
    let token = mock.clients.issue(id, secret, now).ok_or_else(|| refusal("invalid_client"))?;
    Ok(created(&json!({
        "id": random::uuid(),
        "access_token": token.value,
        "created_at": now,
        "expires_in": token.seconds,
        "token_type": "bearer",
        "refresh_token": "",
    })))
}

fn created(body: &Value) -> Answer {
    Answer::json(StatusCode::CREATED, body)
}

fn refusal(error: &str) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": error }))
}

/// Returns whether the text starts with a URI scheme.
pub(crate) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
    };
    is_scheme(scheme) && !rest.is_empty()
}
