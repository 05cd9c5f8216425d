//! `/api/v1`: the rest of the flow of version 1, for both screens, where version 2 of the upstream stands behind a requestor
//! (reference of the device flow, sections 1 to 5).
//!
//! | module | what it is for |
//! |---|---|
//! | `route` | the paths, and which methods each has |
//! | `device` | the device, the requestor and the resource that a call is about |
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
pub(super) mod route;
pub(super) mod xml;

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::HeaderValue;

use super::{
    Face,
    call::{Call, respond, respond_open},
    failure::Failure,
    parameters::Parameters,
};
use crate::{config::Format, domain::error::Violations, service::authentication::Identity};

pub(super) use failure::{Endpoint, FlowFailure};

/// What a call is answered by.
struct Asked<'a> {
    face: &'a Face,
    call: &'a Call,
    identity: &'a Identity,
    parameters: &'a Parameters<'a>,
    format: Format,
}

impl Asked<'_> {
    /// Whether the requestor that is named, or the client's only one, has enhanced errors.
    fn has_enhanced_errors(&self) -> bool {
        let mut ignored = Violations::default();
        let named = ["requestor", "requestor_id"].into_iter();
        let named = named.filter_map(|name| self.parameters.filled(name, &mut ignored)).next();
        let named = named.or(self.identity.caller.only_requestor().map(|requestor| requestor.as_str()));
        let policy = self.face.policy.load();
        let place =
            named.and_then(|text| policy.place(("", self.call.environment.as_str()), ("", text)).ok());
        place.is_some_and(|place| policy.has_enhanced_errors(&place))
    }

    /// An id by which the answer can be found again.
    fn trace(&self) -> String {
        self.face.randomness.uuid().map(|id| id.to_string()).unwrap_or_default()
    }
}

/// Answers a call of a device, of a service on its behalf, or of a page on which viewers type codes, with what `work` makes of it.
async fn answer(
    face: Face,
    request: Request,
    endpoint: Endpoint,
    work: impl AsyncFnOnce(&Asked<'_>, Violations) -> Result<Response, FlowFailure>,
) -> Response {
    let work = async |call: &Call, identity: &Identity, parameters: &Parameters<'_>, violations, format| {
        let asked = Asked { face: &face, call, identity, parameters, format };
        match work(&asked, violations).await {
            Ok(response) => Ok(response),
            Err(FlowFailure::Other(failure)) => Err(failure),
            Err(failure) => Ok(failure.render(endpoint, &asked)),
        }
    };
    if endpoint.is_of_second_screen() {
        respond_open(&face, request, work).await
    } else {
        respond(&face, request, work).await
    }
}

/// What is answered to the partner calls of a platform's single sign-on: version 2 needs what these clients do not send.
pub(super) async fn unsupported(
    axum::extract::State(face): axum::extract::State<Face>,
    request: Request,
) -> Response {
    answer(face, request, Endpoint::Partner, async |_, _| {
        Err(FlowFailure::bad_request(
            "single sign-on of the platform needs its own permission and status, which version 1 does not send: log in by a code",
        ))
    })
    .await
}

/// The headers that answers with decisions have beside the rest.
const RESPONSE_CONFIDENCE: (&str, HeaderValue) =
    ("adobe-response-confidence", HeaderValue::from_static("full"));

impl IntoResponse for FlowFailure {
    fn into_response(self) -> Response {
        match self {
            Self::Other(failure) => failure.into_response(),
            _ => Failure::UnknownPath.into_response(),
        }
    }
}
