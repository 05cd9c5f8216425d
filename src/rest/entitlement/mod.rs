//! `/api/v1`: the rest of the flow of version 1, for both screens, where version 2 of the upstream stands behind a requestor
//! (reference of the device flow, sections 1 to 5).
//!
//! | module | what it is for |
//! |---|---|
//! | `route` | the paths, and which methods each has |
//! | `device` | the device, the requestor and the resource that a call is about |
//! | `parameters` | parameters that need more than a look |
//! | `login` | authenticate, checkauthn, tokens/authn, logout, freepreview |
//! | `decision` | authorize, tokens/authz, tokens/media, preauthorize |
//! | `metadata`, `configuration` | what operators tell of viewers; the operators |
//! | `document` | what is answered, in JSON and XML |
//! | `failure` | what goes wrong, in the words of version 1 |

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
    call::{RestCall, respond, respond_open},
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

/// What a call is answered by.
struct EntitlementCall<'a> {
    face: &'a RestFace,
    endpoint: Endpoint,
    call: &'a RestCall,
    identity: &'a Identity,
    parameters: &'a Parameters<'a>,
    format: ResponseFormat,
    /// By what the answer can be found again; absent where there was no randomness for it.
    id: Option<Uuid>,
    /// The requestor, once it is known.
    place: OnceLock<Place>,
}

/// For how long something is said to hold whose end nobody has told: clients need a number, and ask again after it.
const UNTOLD_LIFE: Duration = Duration::from_secs(3_600);

impl EntitlementCall<'_> {
    /// The environment that the host means, with this requestor.
    fn place_of(&self, field: &str, requestor: &str, violations: &mut Violations) -> Option<Place> {
        let environment = ("environment", self.call.environment.as_str());
        let place = self.face.policy.load().place(environment, (field, requestor));
        let place = violations.take_all(place)?;
        Some(self.place.get_or_init(|| place).clone())
    }

    /// Whether the requestor has enhanced errors.
    fn has_enhanced_errors(&self) -> bool {
        self.place.get().is_some_and(|place| self.face.policy.load().has_enhanced_errors(place))
    }

    /// The id of the answer.
    fn trace(&self) -> String {
        self.id.map(|id| id.to_string()).unwrap_or_default()
    }

    /// An end as clients read it: milliseconds since the Unix epoch, in decimal digits.
    fn expires(&self, end: Option<Timestamp>) -> String {
        end.unwrap_or_else(|| self.face.clock.now() + UNTOLD_LIFE).as_millis().to_string()
    }
}

/// Answers a call of a device, of a service on its behalf, or of a page on which viewers type codes, with what `work` makes of it.
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
            let asked =
                EntitlementCall { face: &face, endpoint, call, identity, parameters, format, id, place };
            match work(&asked, violations).await {
                Ok(response) => Ok(response),
                Err(FlowFailure::Other(failure)) => Err(failure),
                Err(failure) => Ok(failure.render(endpoint, &asked)),
            }
        };
    let mut response = if endpoint.is_of_second_screen() {
        respond_open(&face, request, work).await
    } else {
        respond(&face, request, work).await
    };
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(ADOBE_REQUEST_ID, id);
    }
    response
}

/// What is answered to the partner calls of a platform's single sign-on: version 2 needs what these clients do not send.
pub(super) async fn unsupported(
    axum::extract::State(face): axum::extract::State<RestFace>,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::Partner, async |_, _| {
        Err(FlowFailure::bad_request(
            "single sign-on of the platform needs its own permission and status, which version 1 does not send: log in by a code",
        ))
    })
    .await
}

/// By what the answer can be found again.
const ADOBE_REQUEST_ID: HeaderName = HeaderName::from_static("adobe-request-id");

/// The headers that answers with decisions have beside the rest.
const RESPONSE_CONFIDENCE: (&str, HeaderValue) =
    ("adobe-response-confidence", HeaderValue::from_static("full"));
