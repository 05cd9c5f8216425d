//! Errors as clients of the REST API read them: the documented error in the requested format, OAuth's `error` under
//! `/o/client`, and HTML for rate limits, as the provider has it.

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{
    format::media_type,
    record::{ErrorBody, render_error},
    route::is_v1_flow,
};
use crate::{
    config::ResponseFormat,
    domain::{authentication::AuthenticationProblem, error::Error},
    service::client_registration::{OAuthError, OAuthErrorCode},
    telemetry,
};

/// The response to clients that exceed a rate limit, as the provider's gateway sends it.
const THROTTLED_PAGE: &str = "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n\
                              <center><h1>429 Too Many Requests</h1></center>\r\n</body>\r\n</html>\r\n";

/// The reason why a call fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// The error of a use case.
    Domain(Error),
    /// A registration or a token request is refused.
    OAuth(OAuthError),
    /// The client's credentials in HTTP Basic are wrong (RFC 6749, section 5.2).
    BasicCredentials(OAuthError),
    /// The request has more than one access token (RFC 6750, section 2).
    TokenRepeated,
    /// The path does not exist.
    UnknownPath,
    /// The path exists, but does not support the method.
    MethodNotAllowed,
    /// The client accepts only formats that this server does not support.
    NotAcceptable,
    /// The URI has more than this many bytes.
    UriTooLong(usize),
    /// The body has more than this many bytes.
    BodyTooLarge(usize),
    /// The body ended early.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body has another content coding than gzip.
    UnsupportedEncoding,
    /// The body is declared as gzip, but is not.
    BodyNotGzip,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

/// The shape of a rendered failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorShape {
    /// The documented error, in this format.
    Documented(ResponseFormat),
    /// The same without a namespace, as in the rest of the device flow.
    Plain(ResponseFormat),
    /// RFC 6749, section 5.2.
    OAuth,
}

impl ErrorShape {
    /// Returns the shape of a path's documented errors.
    pub(super) fn of_path(path: &str, format: ResponseFormat) -> Self {
        if is_v1_flow(path) { Self::Plain(format) } else { Self::Documented(format) }
    }
}

#[derive(Serialize)]
struct OAuthBody<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// Answers a method that the path does not support.
pub(super) async fn method_not_allowed() -> Failure {
    Failure::MethodNotAllowed
}

/// Leaves the rendering to the middleware, which calls [`shape`].
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        unshaped(Arc::new(self))
    }
}

/// Creates a response with the failure's status, not rendered yet.
pub(super) fn unshaped(failure: Arc<Failure>) -> Response {
    let mut response = failure.status().into_response();
    response.extensions_mut().insert(UnrenderedFailure(failure));
    response
}

/// Reports whether a response is an unrendered failure.
pub(super) fn is_failure(response: &Response) -> bool {
    response.extensions().get::<UnrenderedFailure>().is_some()
}

#[derive(Clone)]
struct UnrenderedFailure(Arc<Failure>);

/// Renders the failure in `response`, if there is one. Keeps the headers of the response.
pub(super) fn shape(mut response: Response, shape: ErrorShape) -> Response {
    let Some(UnrenderedFailure(failure)) = response.extensions_mut().remove::<UnrenderedFailure>() else {
        return response;
    };
    let shaped = failure.shaped(shape);
    let (head, body) = shaped.into_parts();
    response.headers_mut().extend(head.headers);
    *response.status_mut() = head.status;
    response.map(|_| body)
}

impl Failure {
    /// Returns the HTTP status. The match is exhaustive, so that a new failure cannot be omitted.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Domain(error) => status_of(error),
            Self::OAuth(error) => match error.code {
                OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            },
            Self::BasicCredentials(_) => StatusCode::UNAUTHORIZED,
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::UriTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TokenRepeated | Self::BodyIncomplete | Self::BodyNotGzip => StatusCode::BAD_REQUEST,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// Renders the failure. Logs the part that is only for the operator.
    pub(super) fn shaped(&self, shape: ErrorShape) -> Response {
        if let Self::Domain(error) = self {
            telemetry::report_error(error);
        }
        let status = self.status();
        let (media_type, body) = match shape {
            _ if status == StatusCode::TOO_MANY_REQUESTS => {
                (HeaderValue::from_static("text/html"), THROTTLED_PAGE.into())
            }
            ErrorShape::Documented(format) | ErrorShape::Plain(format) => {
                let error = ErrorBody { status: status.as_u16(), message: &self.message() };
                let is_plain = matches!(shape, ErrorShape::Plain(_));
                // A number and a string can always be rendered.
                (media_type(format), render_error(&error, format, is_plain).unwrap_or_default())
            }
            ErrorShape::OAuth => {
                let (error, error_description) = (self.oauth_code(status).as_str(), &*self.message());
                let body = serde_json::to_vec(&OAuthBody { error, error_description });
                (media_type(ResponseFormat::Json), body.unwrap_or_default())
            }
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, media_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::Domain(error) = self
            && let Some(delay) = error.retry_after()
        {
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self, Self::UnsupportedEncoding) {
            // RFC 9110, section 15.5.16.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if matches!(
            self,
            Self::BodyTooLarge(_) | Self::BodyIncomplete | Self::BodyTooSlow | Self::UnsupportedEncoding
        ) {
            // The rest of the body is not read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn message(&self) -> String {
        match self {
            Self::Domain(error) => error.full_message(),
            Self::OAuth(error) | Self::BasicCredentials(error) => error.description.clone(),
            Self::TokenRepeated => {
                "the request has more than one access token; send one, in the Authorization header or in the form"
                    .to_owned()
            }
            Self::UnknownPath => {
                "this path does not exist; this server has /reggie/v1, /reset-tempass/v3, /o/client and, for requestors \
                 over the provider, /api/v1"
                    .to_owned()
            }
            Self::MethodNotAllowed => {
                "this path does not support this method; the Allow header lists the supported ones".to_owned()
            }
            Self::NotAcceptable => {
                "the Accept header must allow application/json or application/xml".to_owned()
            }
            Self::UriTooLong(limit) => {
                format!("the URI has more than {limit} bytes; send device information in X-Device-Info")
            }
            Self::BodyTooLarge(limit) => format!("the body has more than {limit} bytes"),
            Self::BodyIncomplete => "the body ended early".to_owned(),
            Self::BodyTooSlow => "the body did not arrive in time".to_owned(),
            Self::UnsupportedEncoding => {
                "Content-Encoding must be gzip, or absent".to_owned()
            }
            Self::BodyNotGzip => "the body is not valid gzip, although Content-Encoding is gzip".to_owned(),
        }
    }

    fn oauth_code(&self, status: StatusCode) -> OAuthErrorCode {
        match self {
            Self::OAuth(error) | Self::BasicCredentials(error) => error.code,
            _ if status.is_server_error() => OAuthErrorCode::ServerError,
            _ => OAuthErrorCode::InvalidRequest,
        }
    }

    /// Returns the authentication challenge (RFC 6750, section 3; RFC 7617).
    fn challenge(&self) -> Option<HeaderValue> {
        let challenge = match self {
            Self::Domain(Error::NotAuthenticated(AuthenticationProblem::Missing)) => "Bearer",
            Self::Domain(Error::NotAuthenticated(_)) => "Bearer error=\"invalid_token\"",
            Self::Domain(Error::PermissionMissing { .. }) => "Bearer error=\"insufficient_scope\"",
            Self::TokenRepeated => "Bearer error=\"invalid_request\"",
            Self::BasicCredentials(_) => "Basic realm=\"passbridge\"",
            _ => return None,
        };
        Some(HeaderValue::from_static(challenge))
    }
}

/// Returns the HTTP status of an error. The match is exhaustive, so that a new error cannot be omitted.
pub(crate) fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::InvalidFields(_)
        | Error::MalformedMessage(_)
        | Error::RequestIdReused
        | Error::TempPassNotFound { .. }
        | Error::TempPassNotPromotional
        | Error::UpstreamRejected { .. }
        | Error::NotATempPass { .. }
        | Error::MethodUnknown
        | Error::Unsupported(_) => StatusCode::BAD_REQUEST,
        Error::MessageTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::NotAuthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::PermissionMissing { .. } | Error::UpstreamForbidden { .. } => StatusCode::FORBIDDEN,
        Error::AlreadyAuthenticated { .. } => StatusCode::CONFLICT,
        Error::CodeNotFound(_) | Error::ServiceUnknown(_) | Error::ProfileNotFound => StatusCode::NOT_FOUND,
        Error::ProfileExpired => StatusCode::GONE,
        Error::Throttled { .. } | Error::UpstreamThrottled { .. } | Error::LookupBudgetExhausted { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::LiveCodesExhausted { .. }
        | Error::QuotaExhausted { .. }
        | Error::StoreUnavailable(_)
        | Error::IssuerUnavailable { .. }
        | Error::UpstreamUnavailable { .. }
        | Error::UpstreamCredentialsRefused { .. }
        | Error::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        Error::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
