//! Reading of a request: its body, parameters, response format and environment.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST},
    request,
    uri::Authority,
};
use http_body::Body as _;
use http_body_util::{LengthLimitError, Limited};

use super::{
    RestFace,
    address::Addresses,
    encoding::{decompress, is_gzip},
    failure::{ErrorShape, Failure},
    format::{AcceptedFormat, accepted_format, media_type, parse_format, split_extension},
    identity::{identify, open_to_second_screen},
    parameters::{Parameters, is_form},
    route::is_v1_flow,
};
use crate::{
    config::ResponseFormat,
    domain::{
        call::{CallContext, Deadline, TraceContext},
        error::{Error, Violation, Violations},
        id::EnvironmentName,
    },
    service::authentication::{Carrier, Identity, Proof},
    whole_body::whole,
};

/// The maximum body size of an unauthenticated caller, in bytes: enough for the response format in a form, and so
/// little that all connections together do not exhaust memory.
const UNAUTHENTICATED_BODY_MAX: usize = 4 * 1024;

/// The same for a form that may contain an access token and device information.
const TOKEN_FORM_MAX: usize = 32 * 1024;

/// A request with its body.
pub(super) struct RestCall {
    head: request::Parts,
    body: Bytes,
    /// The deadline of the call, including the time to receive its body.
    deadline: Deadline,
    /// The addresses of the client and of the device.
    pub addresses: Addresses,
    /// The environment of the request's host.
    pub environment: EnvironmentName,
}

/// The callers that a path accepts.
#[derive(Clone, Copy)]
pub(super) enum CallerRequirement {
    /// Callers with credentials.
    Known,
    /// The same for a path that second-screen pages call, which need no credentials if the environment is configured so. A
    /// caller without credentials has [`Proof::Open`] and the permissions of [`Identity::second_screen`].
    KnownOrSecondScreen,
}

/// Answers a call of an accepted caller with the result of `work`, in the requested format.
pub(super) async fn respond(
    face: &RestFace,
    request: Request,
    callers: CallerRequirement,
    work: impl AsyncFnOnce(
        &RestCall,
        &Identity,
        &Parameters<'_>,
        Violations,
        ResponseFormat,
    ) -> Result<Response, Failure>,
) -> Response {
    let (mut call, body) = match RestCall::start(face, request) {
        Ok(started) => started,
        Err(failure) => return failure.into_response(),
    };
    // Before the body, to limit the memory for unauthenticated callers.
    let identity = call.identify(face, Carrier::Headers(call.headers())).await;
    let identity = match callers {
        CallerRequirement::Known => identity,
        CallerRequirement::KnownOrSecondScreen => {
            open_to_second_screen(face, &call.environment, call.context(), identity)
        }
    };
    let limit = match &identity {
        Ok(Identity { proof, .. }) if !matches!(proof, Proof::Open) => usize::MAX,
        _ if call.has_form() && !call.has_authorization() => TOKEN_FORM_MAX,
        _ => UNAUTHENTICATED_BODY_MAX,
    };
    match (call.receive(body, face.max_body_size.min(limit)).await, identity) {
        // Boxed, because the layers move the future a dozen times, and the state of `work` is most of it.
        (Ok(()), identity) => Box::pin(call.answer(face, identity, work)).await,
        (Err(Failure::BodyTooLarge(_)), Err(error)) => Failure::from(error).into_response(),
        (Err(failure), _) => failure.into_response(),
    }
}

impl RestCall {
    /// Reads a call of any caller, with a body of at most `limit` bytes.
    pub(super) async fn read(face: &RestFace, request: Request, limit: usize) -> Result<Self, Failure> {
        let (mut call, body) = Self::start(face, request)?;
        call.receive(body, face.max_body_size.min(limit)).await?;
        Ok(call)
    }

    fn start(face: &RestFace, request: Request) -> Result<(Self, Body), Failure> {
        let (head, body) = request.into_parts();
        let environment = environment(face, &head)?;
        let incomplete = |what: &str| Error::Internal(format!("a call without {what}"));
        let addresses = head.extensions.get::<Addresses>().copied().ok_or_else(|| incomplete("addresses"))?;
        let deadline = head.extensions.get::<Deadline>().copied().ok_or_else(|| incomplete("deadline"))?;
        Ok((Self { head, body: Bytes::new(), deadline, addresses, environment }, body))
    }

    async fn receive(&mut self, body: Body, limit: usize) -> Result<(), Failure> {
        if body.is_end_stream() {
            return Ok(());
        }
        let is_gzip = is_gzip(&self.head.headers)?;
        let declared = self.head.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(Failure::BodyTooLarge(limit));
        }
        let collected = self.deadline.limit(whole(Limited::new(body, limit))).await;
        self.body = match collected.map_err(|_| Failure::BodyTooSlow)? {
            Ok(body) => body,
            Err(error) if error.is::<LengthLimitError>() => return Err(Failure::BodyTooLarge(limit)),
            Err(_) => return Err(Failure::BodyIncomplete),
        };
        if is_gzip {
            self.body = decompress(&self.body, limit)?;
        }
        Ok(())
    }

    /// Returns the parameters of the query and the form.
    pub(super) fn parameters(&self, violations: &mut Violations) -> Parameters<'_> {
        let query = self.head.uri.query().unwrap_or_default();
        Parameters::read(query, &self.head.headers, &self.body, violations)
    }

    /// Returns the body, decompressed.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the undecoded query.
    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// Returns the context for calls to an upstream.
    pub(super) fn context(&self) -> CallContext {
        CallContext {
            deadline: Some(self.deadline),
            client: Some(self.addresses.client),
            trace: TraceContext::of(&self.head.headers),
            relayed_token: None,
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Reports whether the body is declared as a form that may contain an access token (RFC 6750, section 2.2).
    fn has_form(&self) -> bool {
        self.head.method == Method::POST && is_form(&self.head.headers) == Some(true)
    }

    fn has_authorization(&self) -> bool {
        self.head.headers.contains_key(AUTHORIZATION)
    }

    /// Authenticates the caller by the credentials of this carrier.
    async fn identify(&self, face: &RestFace, carrier: Carrier<'_>) -> Result<Identity, Error> {
        identify(face, &self.head, &self.environment, carrier, self.context()).await
    }

    /// Returns the identity by the headers, or by an access token in the form.
    async fn identity(
        &self,
        face: &RestFace,
        by_headers: Result<Identity, Error>,
        parameters: &Parameters<'_>,
    ) -> Result<Identity, Failure> {
        let mut tokens = parameters.in_form("access_token").filter(|_| self.has_form());
        let Some(token) = tokens.next() else { return Ok(by_headers?) };
        if self.has_authorization() || tokens.next().is_some() {
            return Err(Failure::TokenRepeated);
        }
        let token = std::str::from_utf8(token).unwrap_or_default();
        Ok(self.identify(face, Carrier::Form(token)).await?)
    }

    async fn answer(
        &self,
        face: &RestFace,
        identity: Result<Identity, Error>,
        work: impl AsyncFnOnce(
            &Self,
            &Identity,
            &Parameters<'_>,
            Violations,
            ResponseFormat,
        ) -> Result<Response, Failure>,
    ) -> Response {
        let mut violations = Violations::default();
        let parameters = self.parameters(&mut violations);
        let extension = split_extension(self.head.uri.path()).1;
        let parameter = parameters.filled("format", &mut violations);
        if parameter.is_some_and(|text| parse_format(text).is_none()) {
            violations.add("format", "must be json or xml");
        }
        let chosen = choose(extension, parameter, &self.head.headers, face.default_format);
        let format = chosen.unwrap_or(face.default_format);
        // A successful delete has no body. Browsers and players in the v1 flow accept only pages or videos where they
        // are redirected, or read only the status.
        let is_acceptable =
            chosen.is_some() || self.head.method == Method::DELETE || is_v1_flow(self.head.uri.path());
        let work = async {
            let identity = self.identity(face, identity, &parameters).await?;
            if is_acceptable {
                work(self, &identity, &parameters, violations, format).await
            } else {
                Err(Failure::NotAcceptable)
            }
        };
        let outcome = self.deadline.limit(work).await.unwrap_or(Err(Error::DeadlineExceeded.into()));
        outcome.unwrap_or_else(|failure| failure.shaped(ErrorShape::of_path(self.head.uri.path(), format)))
    }
}

pub(super) fn answer(status: StatusCode, format: ResponseFormat, body: Vec<u8>) -> Response {
    let headers = [(CONTENT_TYPE, media_type(format)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body).into_response()
}

/// Returns the format of a failure before the form is read.
pub(super) fn early_format(uri: &Uri, headers: &HeaderMap, default: ResponseFormat) -> ResponseFormat {
    if let Some(format) = split_extension(uri.path()).1 {
        return format;
    }
    let mut violations = Violations::default();
    let parameters = Parameters::read(uri.query().unwrap_or_default(), headers, &[], &mut violations);
    choose(None, parameters.filled("format", &mut violations), headers, default).unwrap_or(default)
}

/// Chooses the response format. `None` if the client accepts none of ours.
fn choose(
    extension: Option<ResponseFormat>,
    parameter: Option<&str>,
    headers: &HeaderMap,
    default: ResponseFormat,
) -> Option<ResponseFormat> {
    extension.or_else(|| parameter.and_then(parse_format)).or_else(|| {
        match accepted_format(headers, default) {
            AcceptedFormat::For(format) => Some(format),
            AcceptedFormat::Anything => Some(default),
            AcceptedFormat::SomethingElse => None,
        }
    })
}

/// Returns the environment of the request's host.
pub(super) fn environment(face: &RestFace, head: &request::Parts) -> Result<EnvironmentName, Error> {
    Ok(face.policy.load().environment_of_host(authority(head)?)?)
}

/// Returns the host of the request. A missing, repeated or invalid one is rejected, because a proxy could interpret it
/// differently (RFC 9112, section 3.2). HTTP/1.0 does not require one.
fn authority(head: &request::Parts) -> Result<&str, Error> {
    let refused = |text: &str| Error::InvalidFields(vec![Violation::new("Host", text)]);
    let mut lines = head.headers.get_all(HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => return Err(refused("must be given only once")),
        (Some(host), None) => host.to_str().map_err(|_| refused("must be a host name or address"))?,
        (None, _) if head.version < Version::HTTP_11 || head.uri.authority().is_some() => "",
        (None, _) => return Err(refused("is required")),
    };
    if !host.is_empty() && host.parse::<Authority>().is_err() {
        return Err(refused("must be a host name or address"));
    }
    Ok(head.uri.authority().map_or(host, Authority::as_str))
}
