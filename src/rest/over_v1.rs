//! The v1 flow (`/api/v1` and `/adobe-services/config`) of requestors whose backend is version 1 of the upstream. Calls
//! are forwarded unchanged, except that a token or signature of ours is replaced by passbridge's own token, because the
//! provider knows only its own tokens.

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
    identity::{identify, record_nonce},
    middleware::refusal,
    passthrough::{forward, pass_through, unavailable},
    route::{is_v1_flow, v1_flow},
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

/// The backend that answers a call of the v1 flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServingBackend {
    /// The local backend, which has no operators. The call gets 404, or goes to the environment's `passthrough`.
    Local,
    /// The provider, by forwarding.
    V1,
    /// passbridge, by version 2 of the upstream.
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

/// The backend of a call of the v1 flow, and the requestor that the call names outside its body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    backend: ServingBackend,
    requestor: Option<RequestorId>,
}

/// The middleware of the v1 flow: forwards calls whose backend is elsewhere, and passes on those that passbridge
/// answers itself. It also answers calls that were refused before routing, since each further layer costs every call a clone
/// and a box of everything inside it.
pub(super) async fn dispatch(State(face): State<RestFace>, request: Request, next: Next) -> Response {
    if let Some(refusal) = refusal(&request) {
        return refusal;
    }
    if !is_v1_flow(request.uri().path()) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let answer = match Box::pin(destination(&face, &head, body)).await {
        Ok((Destination { backend: ServingBackend::V2, .. }, body)) => {
            return next.run(Request::from_parts(head, body)).await;
        }
        Ok((Destination { backend: ServingBackend::V1, requestor }, body)) => {
            over_v1(&face, head, body, requestor.as_ref()).await
        }
        Ok((Destination { backend: ServingBackend::Local, .. }, body)) => {
            pass_through(&face, head, body).await
        }
        // The handler reports the error in the shape of its path.
        Err(UnresolvedCall { backend: ServingBackend::V2, body: Some(body), .. }) => {
            return next.run(Request::from_parts(head, body)).await;
        }
        Err(UnresolvedCall { failure, .. }) => Err(failure),
    };
    answer.unwrap_or_else(|failure| {
        let mut response = failure.into_response();
        if has_body {
            // The rest of the body is not read.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}

/// The reason why a call's requestor is not known, and the backend of its environment.
struct UnresolvedCall {
    backend: ServingBackend,
    failure: Failure,
    /// The body, if it was not read.
    body: Option<Body>,
}

/// Determines the destination of a call by its path, query and signature, and returns it with the body. The body is
/// read only if it decides the destination; otherwise it is streamed. A call without a requestor goes to the
/// environment's backend.
///
/// # Errors
/// The requestor is malformed or not one of the environment, or the call names several.
async fn destination(
    face: &RestFace,
    head: &request::Parts,
    body: Body,
) -> Result<(Destination, Body), UnresolvedCall> {
    let environment = match environment(face, head) {
        Ok(environment) => environment,
        Err(error) => {
            return Err(UnresolvedCall { backend: ServingBackend::Local, failure: error.into(), body: None });
        }
    };
    let (environment_backend, is_mixed) = {
        let policy = face.policy.load();
        (ServingBackend::of(policy.environment_api(&environment)), policy.has_several_apis(&environment))
    };
    if environment_backend == ServingBackend::V2 && !is_mixed {
        // passbridge answers all calls itself, whether the requestor that they name is valid or not.
        return Ok((Destination { backend: environment_backend, requestor: None }, body));
    }
    let unresolved = |failure, body| UnresolvedCall { backend: environment_backend, failure, body };
    let named = match named_requestor(head) {
        Ok(named) => named,
        Err(error) => return Err(unresolved(error.into(), Some(body))),
    };
    let signed = || claimed_requestor(&head.headers).map(|requestor| requestor.to_string());
    let (named, body) = match named.or_else(signed) {
        None if is_mixed => {
            let found = unnamed_requestor(face, head, &environment, body).await;
            found.map_err(|failure| unresolved(failure, None))?
        }
        named => (named, body),
    };
    let Some(text) = named else {
        return Ok((Destination { backend: environment_backend, requestor: None }, body));
    };
    let policy = face.policy.load();
    match policy.place(("environment", environment.as_str()), ("requestor", &text)) {
        Ok(place) => {
            let backend = ServingBackend::of(policy.upstream_api(&place));
            Ok((Destination { backend, requestor: Some(place.requestor) }, body))
        }
        Err(violations) => Err(unresolved(Error::InvalidFields(violations).into(), Some(body))),
    }
}

/// Returns the requestor in the path and the query.
fn named_requestor(head: &request::Parts) -> Result<Option<String>, Error> {
    let query = head.uri.query().unwrap_or_default();
    let in_query = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| matches!(&**name, "requestor" | "requestor_id") && !value.is_empty())
        .map(|(_, value)| value.into_owned());
    let mut names = requestor_in_path(head.uri.path()).into_iter().chain(in_query);
    let first = names.next();
    if names.any(|other| Some(&other) != first.as_ref()) {
        let text = "must be the same wherever it is given";
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

/// Forwards a call to the provider. A token of the provider is forwarded. A token of this server, or a signature, is
/// verified and replaced by passbridge's own token. A call without credentials is forwarded without any.
///
/// # Errors
/// The credentials are invalid, the caller lacks the permission, or the provider does not respond.
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
            check_permission(&identity, head.uri.path(), &environment, requestor)?;
            let addresses = head.extensions.get::<Addresses>();
            let addresses =
                addresses.ok_or_else(|| Error::Internal("a call without addresses".to_owned()))?;
            record_nonce(face, &identity, addresses.client).await?;
            let requestor = requestor.or(identity.caller.only_requestor());
            OwnRegistrationCall { face, origin, relay, requestor }.send(head, body).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the context for calls to an upstream.
pub(super) fn context(head: &request::Parts) -> CallContext {
    CallContext {
        deadline: head.extensions.get::<Deadline>().copied(),
        client: head.extensions.get::<Addresses>().map(|addresses| addresses.client),
        trace: TraceContext::of(&head.headers),
        relayed_token: None,
    }
}

/// Checks that the caller has the permission for the call, which is made with our token.
fn check_permission(
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

/// Returns the permission for a call of the v1 flow: that of the corresponding method of `EntitlementService`.
fn permission(path: &str) -> Permission {
    let segments = v1_flow(path).unwrap_or_default();
    let segments: Vec<_> = segments.iter().skip(2).map(|segment| split_extension(segment).0).collect();
    match segments.as_slice() {
        ["logout", ..] => Permission::EntitlementsLogout,
        // With a code in the path, the call only reads whether a viewer has logged in.
        ["authenticate"] | ["authenticate", "freepreview"] => Permission::EntitlementsLogin,
        ["authorize" | "preauthorize" | "mediatoken", ..] | ["tokens", "authz" | "media", ..] => {
            Permission::EntitlementsAuthorize
        }
        _ => Permission::EntitlementsRead,
    }
}

/// A forwarded call with passbridge's own token.
struct OwnRegistrationCall<'a> {
    face: &'a RestFace,
    origin: Url,
    relay: Arc<dyn RegistrationRelay>,
    requestor: Option<&'a RequestorId>,
}

impl OwnRegistrationCall<'_> {
    /// Makes the call. If the token is refused, renews it, and retries the call if it has no body.
    async fn send(self, head: request::Parts, body: Body) -> Result<Response, Failure> {
        let token = self.token(&head, None).await?;
        let again = body.is_end_stream().then(|| head.clone());
        let answer = self.send_with(&token, head.clone(), body).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.token(&head, Some(&token)).await?;
        let Some(head) = again else {
            return Err(unavailable("it refused the access token, which has been renewed; try again").into());
        };
        let answer = self.send_with(&token, head, Body::empty()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // A 401 would tell the device that its own token is invalid.
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
        let mut value =
            value.map_err(|_| Error::Internal("a token that is invalid in a header".to_owned()))?;
        value.set_sensitive(true);
        head.headers.insert(AUTHORIZATION, value);
        forward(self.face, head, body, self.origin.clone()).await
    }
}
