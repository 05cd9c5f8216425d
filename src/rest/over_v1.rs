//! The v1 flow, `/api/v1` and `/adobe-services/config`, of requestors that version 1 of the upstream stands behind: calls go there
//! as they are, but for the token. The provider knows its own; one of ours, or a signature, means nothing to it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONNECTION},
    request,
};
use http_body::Body as _;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::{
    RestFace,
    address::Addresses,
    call::environment,
    failure::Failure,
    format::split_extension,
    identity::{count, identify},
    passthrough::{forward, pass_through, unavailable},
    route::v1_flow,
    unnamed_requestor::unnamed_requestor,
};
use crate::{
    domain::{
        authentication::AuthenticationProblem,
        backend::RegistrationRelay,
        call::{CallContext, Deadline, TraceContext},
        caller::Permission,
        error::{Error, UpstreamAnswer, Violation},
        id::{EnvironmentName, RequestorId},
        registration_code::UpstreamApi,
        secret::SecretText,
    },
    service::{
        authentication::{Carrier, Identity, Proof},
        signed_request::claimed_requestor,
    },
};

/// What answers a call of the v1 flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServingBackend {
    /// Nothing here: our own store knows no operators. It is 404, or goes to the environment's `passthrough`.
    Local,
    /// The provider itself.
    V1,
    /// passbridge, over the provider's second version.
    V2,
}

impl ServingBackend {
    fn of(api: Option<UpstreamApi>) -> Self {
        match api {
            None => Self::Local,
            Some(UpstreamApi::V1) => Self::V1,
            Some(UpstreamApi::V2) => Self::V2,
        }
    }
}

/// Where a call of the v1 flow goes, and the requestor that it names without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    behind: ServingBackend,
    requestor: Option<RequestorId>,
}

/// Stands before every path of the v1 flow, and lets those calls on that passbridge answers itself.
pub(super) async fn unless_elsewhere(State(face): State<RestFace>, request: Request, next: Next) -> Response {
    if v1_flow(request.uri().path()).is_none() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let answer = match Box::pin(destination(&face, &head, body)).await {
        Ok((Destination { behind: ServingBackend::V2, .. }, body)) => {
            return next.run(Request::from_parts(head, body)).await;
        }
        Ok((Destination { behind: ServingBackend::V1, requestor }, body)) => {
            over_v1(&face, head, body, requestor.as_ref()).await
        }
        Ok((Destination { behind: ServingBackend::Local, .. }, body)) => {
            pass_through(&face, head, body).await
        }
        // Who answers calls here says what is wrong with one in its own words.
        Err(Misdirected { behind: ServingBackend::V2, body: Some(body), .. }) => {
            return next.run(Request::from_parts(head, body)).await;
        }
        Err(Misdirected { failure, .. }) => Err(failure),
    };
    answer.unwrap_or_else(|failure| {
        let mut response = failure.into_response();
        if has_body {
            // What is left of it is not waited for.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}

/// Why it is not known where a call goes, and what stands behind its environment.
struct Misdirected {
    behind: ServingBackend,
    failure: Failure,
    /// Its body, where that was not looked at.
    body: Option<Body>,
}

/// Where this call goes, by its path, its query and a signature; and its body. What that says is looked at only where it decides
/// something: else it is streamed. Where nothing tells a requestor the environment's backend decides.
///
/// # Errors
/// Where the requestor is not well formed or not one of the environment's, or several are named.
async fn destination(
    face: &RestFace,
    head: &request::Parts,
    body: Body,
) -> Result<(Destination, Body), Misdirected> {
    let environment = match environment(face, head) {
        Ok(environment) => environment,
        Err(error) => {
            return Err(Misdirected { behind: ServingBackend::Local, failure: error.into(), body: None });
        }
    };
    let behind_environment = ServingBackend::of(face.policy.load().environment_api(&environment));
    let misdirected = |failure, body| Misdirected { behind: behind_environment, failure, body };
    let named = match named_requestor(head) {
        Ok(named) => named,
        Err(error) => return Err(misdirected(error.into(), Some(body))),
    };
    let signed = || claimed_requestor(&head.headers).map(|requestor| requestor.to_string());
    let is_mixed = face.policy.load().has_several_apis(&environment);
    let (named, body) = match named.or_else(signed) {
        None if is_mixed => {
            let found = unnamed_requestor(face, head, &environment, body).await;
            found.map_err(|failure| misdirected(failure, None))?
        }
        named => (named, body),
    };
    let Some(text) = named else {
        return Ok((Destination { behind: behind_environment, requestor: None }, body));
    };
    let policy = face.policy.load();
    match policy.place(("environment", environment.as_str()), ("requestor", &text)) {
        Ok(place) => {
            let behind = ServingBackend::of(policy.upstream_api(&place));
            Ok((Destination { behind, requestor: Some(place.requestor) }, body))
        }
        Err(violations) => Err(misdirected(Error::InvalidFields(violations).into(), Some(body))),
    }
}

/// The requestor that the path and the query name.
fn named_requestor(head: &request::Parts) -> Result<Option<String>, Error> {
    let query = head.uri.query().unwrap_or_default();
    let in_query = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| matches!(&**name, "requestor" | "requestor_id") && !value.is_empty())
        .map(|(_, value)| value.into_owned());
    let mut names = requestor_in_path(head.uri.path()).into_iter().chain(in_query);
    let first = names.next();
    if names.any(|other| Some(&other) != first.as_ref()) {
        let text = "is there more than once, with different values";
        return Err(Violation::new("requestor", text).into());
    }
    Ok(first)
}

fn requestor_in_path(path: &str) -> Option<String> {
    let segments = v1_flow(path)?;
    let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    let segment = match segments.as_slice() {
        ["adobe-services", "config", requestor] | ["api", "v1", "config", requestor] => {
            split_extension(requestor).0
        }
        ["api", "v1", requestor, "profile-requests", ..] => requestor,
        _ => return None,
    };
    Some(percent_decode_str(segment).decode_utf8_lossy().into_owned())
}

/// Answers a call by what the provider says to it. A token of the provider's travels; one of this server's, or a signature, is
/// checked here and replaced by passbridge's own token; a call without credentials goes without.
///
/// # Errors
/// Where the credentials are not good, the caller may not do this, or the provider does not answer.
async fn over_v1(
    face: &RestFace,
    head: request::Parts,
    body: Body,
    requestor: Option<&RequestorId>,
) -> Result<Response, Failure> {
    let environment = environment(face, &head)?;
    let (origin, relay) = {
        let policy = face.policy.load();
        let relay = policy.upstream(&environment).map(|upstream| Arc::clone(&upstream.relay));
        (policy.v1_origin(&environment).cloned(), relay)
    };
    let (Some(origin), Some(relay)) = (origin, relay) else { return Err(Failure::UnknownPath) };
    let identified =
        identify(face, &head, &environment, Carrier::Headers(&head.headers), context(&head)).await;
    match identified {
        Err(Error::NotAuthenticated(AuthenticationProblem::Missing))
        | Ok(Identity { proof: Proof::UpstreamToken(_), .. }) => forward(face, head, body, origin).await,
        Ok(identity) => {
            admit(&identity, head.uri.path(), &environment, requestor)?;
            let addresses = head.extensions.get::<Addresses>();
            let addresses =
                addresses.ok_or_else(|| Error::Internal("a call without addresses".to_owned()))?;
            count(face, &identity, addresses.client).await?;
            let requestor = requestor.or(identity.caller.only_requestor());
            OwnRegistrationCall { face, origin, relay, requestor }.send(head, body).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What goes along with the call to whom it asks.
pub(super) fn context(head: &request::Parts) -> CallContext {
    CallContext {
        deadline: head.extensions.get::<Deadline>().copied(),
        client: head.extensions.get::<Addresses>().map(|addresses| addresses.client),
        trace: TraceContext::of(&head.headers),
        relayed_token: None,
    }
}

/// That the caller may have done with our token what its call asks for.
fn admit(
    identity: &Identity,
    path: &str,
    environment: &EnvironmentName,
    requestor: Option<&RequestorId>,
) -> Result<(), Error> {
    let permission = permission(path);
    match requestor.or(identity.caller.only_requestor()) {
        Some(requestor) => identity.caller.require(permission, environment, requestor),
        None => identity.caller.require_for_some(permission, environment),
    }
}

/// What a call of the v1 flow needs: what the methods of `EntitlementService` do that mean the same.
fn permission(path: &str) -> Permission {
    let segments = v1_flow(path).unwrap_or_default();
    let segments: Vec<_> = segments.iter().skip(2).map(|segment| split_extension(segment).0).collect();
    match segments.as_slice() {
        ["logout", ..] => Permission::EntitlementsLogout,
        // With a code in it, it asks whether somebody has logged in.
        ["authenticate"] | ["authenticate", "freepreview"] => Permission::EntitlementsLogin,
        ["authorize" | "preauthorize" | "mediatoken", ..] | ["tokens", "authz" | "media", ..] => {
            Permission::EntitlementsAuthorize
        }
        _ => Permission::EntitlementsRead,
    }
}

/// A call that goes with passbridge's own token.
struct OwnRegistrationCall<'a> {
    face: &'a RestFace,
    origin: Url,
    relay: Arc<dyn RegistrationRelay>,
    requestor: Option<&'a RequestorId>,
}

impl OwnRegistrationCall<'_> {
    /// Makes the call: once more with a new token where it was refused, which only one without a body can be.
    async fn send(self, head: request::Parts, body: Body) -> Result<Response, Failure> {
        let token = self.token(&head, None).await?;
        let again = body.is_end_stream().then(|| head.clone());
        let answer = self.send_with(&token, head.clone(), body).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.token(&head, Some(&token)).await?;
        let Some(head) = again else {
            return Err(unavailable("its access token had run out, and has been renewed").into());
        };
        let answer = self.send_with(&token, head, Body::empty()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // To the device it would say that its own token is bad.
            let answer =
                UpstreamAnswer { status: Some(answer.status().as_u16()), ..UpstreamAnswer::default() };
            return Err(Error::UpstreamCredentialsRefused { answer }.into());
        }
        Ok(answer)
    }

    async fn token(&self, head: &request::Parts, refused: Option<&SecretText>) -> Result<SecretText, Error> {
        let token = self.relay.own_token(self.requestor, refused);
        match head.extensions.get::<Deadline>() {
            Some(deadline) => deadline.limit(token).await.map_err(|_| Error::DeadlineExceeded)?,
            None => token.await,
        }
    }

    async fn send_with(
        &self,
        token: &SecretText,
        mut head: request::Parts,
        body: Body,
    ) -> Result<Response, Failure> {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
        let mut value = value.map_err(|_| Error::Internal("a token that no header can hold".to_owned()))?;
        value.set_sensitive(true);
        head.headers.insert(AUTHORIZATION, value);
        forward(self.face, head, body, self.origin.clone()).await
    }
}
