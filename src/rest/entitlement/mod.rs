//! `/api/v1`: the rest of the version 1 flow, for both screens, of requestors whose backend is version 2 of the
//! upstream (reference of the device flow, sections 1 to 5).
//!
//! | module | contents |
//! |---|---|
//! | `route` | the paths and their methods |
//! | `device` | the device, requestor and resource of a call |
//! | `parameters` | parsing of structured parameters |
//! | `login` | authenticate, checkauthn, tokens/authn, logout, freepreview |
//! | `decision` | authorize, tokens/authz, tokens/media, preauthorize |
//! | `metadata`, `configuration` | user metadata; the operators of a requestor |
//! | `document`, `xml` | responses in JSON and XML |
//! | `failure` | errors as in version 1 |

mod configuration;
mod decision;
mod device;
mod document;
mod failure;
mod login;
mod metadata;
mod parameters;
pub(super) mod route;
pub(super) mod xml;

use std::{sync::OnceLock, time::Duration};

use axum::{extract::Request, response::Response};
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::{
    RestFace,
    call::{CallerRequirement, RestCall, respond},
    parameters::Parameters,
};
use crate::{
    config::ResponseFormat,
    domain::{clock::Timestamp, error::Violations, id::Place},
    service::authentication::Identity,
};

pub(super) use failure::{Endpoint, FlowFailure};
#[cfg(any(test, fuzzing))]
pub(super) use parameters::{redirect_url, split_resources, temp_pass_identity, unencoded_redirect_url};

/// A call in progress, with what its handler needs.
struct EntitlementCall<'a> {
    face: &'a RestFace,
    endpoint: Endpoint,
    call: &'a RestCall,
    identity: &'a Identity,
    parameters: &'a Parameters<'a>,
    format: ResponseFormat,
    /// The id of the response; absent if the source of randomness failed.
    id: Option<Uuid>,
    /// The place, once it is known.
    place: OnceLock<Place>,
}

/// The lifetime of a token without a known expiry: clients require a number, and request the token again after it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

impl EntitlementCall<'_> {
    /// Returns the place of this requestor in the host's environment.
    fn place_of(&self, field: &str, requestor: &str, violations: &mut Violations) -> Option<Place> {
        let environment = ("environment", self.call.environment.as_str());
        let place = self.face.policy.load().place(environment, (field, requestor));
        let place = violations.take_all(place)?;
        Some(self.place.get_or_init(|| place).clone())
    }

    /// Reports whether the requestor has enhanced errors.
    fn has_enhanced_errors(&self) -> bool {
        self.place.get().is_some_and(|place| self.face.policy.load().has_enhanced_errors(place))
    }

    /// Returns the id of the response.
    fn trace(&self) -> String {
        self.id.map(|id| id.to_string()).unwrap_or_default()
    }

    /// Formats an expiry for clients: milliseconds since the Unix epoch, in decimal digits.
    fn expires(&self, time: Option<Timestamp>) -> String {
        time.unwrap_or_else(|| self.face.clock.now() + DEFAULT_LIFETIME).as_millis().to_string()
    }
}

/// Answers a call of a device, of a service on its behalf, or of a second-screen page, with the result of `work`.
async fn answer(
    face: RestFace,
    request: Request,
    endpoint: Endpoint,
    work: impl AsyncFnOnce(&EntitlementCall<'_>, Violations) -> Result<Response, FlowFailure>,
) -> Response {
    let id = face.randomness.uuid().ok();
    let work =
        async |call: &RestCall, identity: &Identity, parameters: &Parameters<'_>, violations, format| {
            let place = OnceLock::new();
            let flow =
                EntitlementCall { face: &face, endpoint, call, identity, parameters, format, id, place };
            match work(&flow, violations).await {
                Ok(response) => Ok(response),
                Err(FlowFailure::Other(failure)) => Err(failure),
                Err(failure) => Ok(failure.render(endpoint, &flow)),
            }
        };
    let callers = if endpoint.is_of_second_screen() {
        CallerRequirement::KnownOrSecondScreen
    } else {
        CallerRequirement::Known
    };
    let mut response = respond(&face, request, callers, work).await;
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(ADOBE_REQUEST_ID, id);
    }
    response
}

/// Answers the calls of a platform's single sign-on. They are not supported, because version 2 requires values that
/// these clients do not send.
pub(super) async fn unsupported(
    axum::extract::State(face): axum::extract::State<RestFace>,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::Partner, async |_, _| {
        Err(FlowFailure::bad_request(
            "the platform's single sign-on is not supported, because it requires a permission and a status that version 1 does not send; log in with a code",
        ))
    })
    .await
}

/// The header with the id of the response.
const ADOBE_REQUEST_ID: HeaderName = HeaderName::from_static("adobe-request-id");

/// An additional header of responses with decisions.
const RESPONSE_CONFIDENCE: (&str, HeaderValue) =
    ("adobe-response-confidence", HeaderValue::from_static("full"));
