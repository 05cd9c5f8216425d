//! Every other path, for devices that call the provider for more than codes: the call is streamed to the environment's
//! `passthrough` and back unchanged, except for hop-by-hop headers (RFC 9110, section 7.6.1).

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
    request,
};
use http_body_util::{LengthLimitError, Limited};
use quick_cache::sync::Cache;
use reqwest::{Client, Url};
use tokio::sync::Semaphore;

use super::{
    RestFace,
    address::Addresses,
    call::environment,
    failure::Failure,
    route::{WrittenUri, is_v1_flow},
};
use crate::{
    config::Environments,
    domain::{
        call::Deadline,
        error::{Error, UpstreamAnswer, Violation},
    },
    outbound::client_for,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The maximum number of origins with a connection pool: more than an installation has environments.
const ORIGINS: usize = 100;

/// The maximum number of concurrent calls.
const CALLS_MAX: usize = 1_000;

/// The timeout of a connection attempt, and of a read in the middle of a body.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The connection pools of the `passthrough` origins. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passthrough {
    clients: Arc<Cache<Url, Client>>,
    calls: Arc<Semaphore>,
}

impl Default for Passthrough {
    fn default() -> Self {
        Self { clients: Arc::new(Cache::new(ORIGINS)), calls: Arc::new(Semaphore::new(CALLS_MAX)) }
    }
}

impl Passthrough {
    /// Returns the client for this origin.
    ///
    /// # Errors
    /// The client cannot be created, which depends on the machine's root certificates.
    fn client(&self, origin: &Url) -> reqwest::Result<Client> {
        let make = || client_for(&[origin]).connect_timeout(IDLE_TIMEOUT).read_timeout(IDLE_TIMEOUT).build();
        self.clients.get_or_insert_with(origin, make)
    }

    /// Creates the clients of all environments, so that a failure is reported before the first call.
    ///
    /// # Errors
    /// A client cannot be created.
    pub(crate) fn prepare(&self, environments: &Environments) -> Result<(), Violation> {
        for (name, environment) in environments.iter() {
            let (key, origin) = match (&environment.passthrough, environment.v1_origin()) {
                (Some(origin), _) => ("passthrough", origin),
                (None, Some(origin)) => ("url", origin),
                (None, None) => continue,
            };
            let wrong = |error: reqwest::Error| {
                Violation::new(format!("environments.{name}.{key}"), error.to_string())
            };
            self.client(origin).map_err(wrong)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Passthrough {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Passthrough").finish_non_exhaustive()
    }
}

/// Answers a call to a path that the face does not serve.
pub(super) async fn other_path(State(face): State<RestFace>, request: Request) -> Response {
    let answer = async {
        let (head, body) = request.into_parts();
        // A path of the v1 flow that passbridge does not serve with version 2. Version 1 of the upstream has no answer for it.
        if is_v1_flow(head.uri.path()) {
            return Err(Failure::UnknownPath);
        }
        pass_through(&face, head, body).await
    };
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

/// Forwards a call to the environment's `passthrough`, if it has one.
pub(super) async fn pass_through(
    face: &RestFace,
    head: request::Parts,
    body: Body,
) -> Result<Response, Failure> {
    let environment = environment(face, &head)?;
    let origin = face.policy.load().passthrough(&environment).cloned();
    forward(face, head, body, origin.ok_or(Failure::UnknownPath)?).await
}

/// Forwards a call to the origin, and streams the response.
pub(super) async fn forward(
    face: &RestFace,
    head: request::Parts,
    body: Body,
    origin: Url,
) -> Result<Response, Failure> {
    let mut url = origin;
    let call = Arc::clone(&face.passthrough.calls).try_acquire_owned();
    let call = call.map_err(|_| unavailable("too many calls to it are already in progress"))?;
    let client = face.passthrough.client(&url).map_err(|error| Error::Internal(error.to_string()))?;
    let uri = head.extensions.get::<WrittenUri>().map_or(&head.uri, |WrittenUri(uri)| uri);
    url.set_path(uri.path());
    url.set_query(uri.query());
    if url.path() != uri.path() {
        let text = "must have only characters that are valid in a path";
        return Err(Error::from(Violation::new("path", text)).into());
    }
    let length = head.headers.get(CONTENT_LENGTH).cloned();
    let has_body = length.is_some() || head.headers.contains_key(TRANSFER_ENCODING);
    let mut headers = head.headers;
    strip(&mut headers);
    headers.remove(HOST);
    if headers.get(USER_AGENT).is_some_and(HeaderValue::is_empty) {
        headers.remove(USER_AGENT);
    }
    if let Some(addresses) = head.extensions.get::<Addresses>()
        && let Ok(device) = HeaderValue::from_str(&addresses.device.to_string())
    {
        headers.insert(X_FORWARDED_FOR, device);
    }
    let mut sent = client.request(head.method, url).headers(headers);
    if has_body {
        let limited = Limited::new(body, face.max_body_size);
        sent = sent.body(reqwest::Body::wrap_stream(Body::new(limited).into_data_stream()));
    }
    let deadline = head.extensions.get::<Deadline>().copied();
    let deadline = deadline.ok_or_else(|| Error::Internal("a call without deadline".to_owned()))?;
    let answered = deadline.limit(sent.send()).await.map_err(|_| Error::DeadlineExceeded)?;
    let mut answered = answered.map_err(|error| match is_too_large(&error) {
        true => Failure::BodyTooLarge(face.max_body_size),
        false => unavailable("it did not respond, or the request body ended early").into(),
    })?;
    let mut headers = std::mem::take(answered.headers_mut());
    strip(&mut headers);
    let status = answered.status();
    let stream = futures_util::TryStreamExt::inspect_ok(answered.bytes_stream(), move |_| {
        // Holds the permit until the response is complete.
        let _ = &call;
    });
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Removes hop-by-hop headers.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    for name in named.into_iter().chain(always) {
        headers.remove(name);
    }
}

/// Reports whether a call failed because its body is too large.
fn is_too_large(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

pub(super) fn unavailable(problem: &'static str) -> Error {
    Error::UpstreamUnavailable { problem, answer: UpstreamAnswer::default(), retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_headers_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, x-mine"), ("x-mine", "1"), ("te", "trailers"), ("accept", "*/*")]
        {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
