//! Errors as clients of the REST API read them: the documented error in the asked format, `error` of OAuth under
//! `/o/client`, and HTML where the provider throttles.

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
    route::v1_flow,
};
use crate::{
    config::ResponseFormat,
    domain::{authentication::AuthenticationProblem, error::Error},
    service::client_registration::{OAuthError, OAuthErrorCode},
    telemetry,
};

/// What clients get that call too fast, as the provider's front door answers it.
const THROTTLED_PAGE: &str = "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n\
                              <center><h1>429 Too Many Requests</h1></center>\r\n</body>\r\n</html>\r\n";

/// Why a call is not answered as it should be.
#[derive(Debug)]
pub(super) enum Failure {
    /// The use case says so.
    Domain(Error),
    /// Registration, or the request for a token, is refused.
    OAuth(OAuthError),
    /// The client showed its credentials by HTTP Basic, and they are wrong (RFC 6749, section 5.2).
    BasicCredentials(OAuthError),
    /// The access token is sent in more than one way, or twice (RFC 6750, section 2).
    TokenTwice,
    /// There is nothing at this path.
    UnknownPath,
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// The client takes only formats that this server does not have.
    NotAcceptable,
    UriTooLong(usize),
    /// The body is larger than this many bytes.
    BodyTooLarge(usize),
    /// The body broke off.
    BodyIncomplete,
    /// The body did not come in time.
    BodyTooSlow,
    /// The body is packed in another way than by gzip.
    UnsupportedEncoding,
    /// The body is said to be gzip and is none.
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

/// In which words a failure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorShape {
    /// The documented error, in this format.
    Documented(ResponseFormat),
    /// The same as the rest of the device flow has it: without a namespace.
    Plain(ResponseFormat),
    /// RFC 6749, section 5.2.
    OAuth,
}

impl ErrorShape {
    /// That of the documented errors of a path.
    pub(super) fn of_path(path: &str, format: ResponseFormat) -> Self {
        if v1_flow(path).is_some() { Self::Plain(format) } else { Self::Documented(format) }
    }
}

#[derive(Serialize)]
struct OAuthBody<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// What is answered to a method that a path does not have.
pub(super) async fn method_not_allowed() -> Failure {
    Failure::MethodNotAllowed
}

/// A failure that whoever stands around the call puts into its shape.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        unshaped(Arc::new(self))
    }
}

/// An answer that has no words yet.
pub(super) fn unshaped(failure: Arc<Failure>) -> Response {
    let mut response = failure.status().into_response();
    response.extensions_mut().insert(UnrenderedFailure(failure));
    response
}

/// Whether an answer is a failure.
pub(super) fn is_failure(response: &Response) -> bool {
    response.extensions().get::<UnrenderedFailure>().is_some()
}

#[derive(Clone)]
struct UnrenderedFailure(Arc<Failure>);

/// Puts the failure in `response`, if there is one, into its shape. What the response has of headers stays.
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
    /// The HTTP status. Exhaustive, so that a new failure cannot be forgotten here.
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
            Self::TokenTwice | Self::BodyIncomplete | Self::BodyNotGzip => StatusCode::BAD_REQUEST,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The failure in its shape. What only the operator may know goes to the log.
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
                // An error of a number and a text can always be rendered.
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
            // What is left of the body is not waited for.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn message(&self) -> String {
        match self {
            Self::Domain(error) => error.full_message(),
            Self::OAuth(error) | Self::BasicCredentials(error) => error.description.clone(),
            Self::TokenTwice => {
                "the access token is there more than once; send it in the Authorization header or, once, in the form"
                    .to_owned()
            }
            Self::UnknownPath => {
                "there is nothing at this path; this server has /reggie/v1, /reset-tempass/v3 and /o/client"
                    .to_owned()
            }
            Self::MethodNotAllowed => {
                "this path does not have this method; Allow lists those it has".to_owned()
            }
            Self::NotAcceptable => {
                "Accept asks for nothing that this server has: application/json or application/xml".to_owned()
            }
            Self::UriTooLong(limit) => {
                format!("the URI has more than {limit} bytes; send device information in X-Device-Info")
            }
            Self::BodyTooLarge(limit) => format!("the body has more than {limit} bytes"),
            Self::BodyIncomplete => "the body broke off".to_owned(),
            Self::BodyTooSlow => "the body did not come in time".to_owned(),
            Self::UnsupportedEncoding => {
                "Content-Encoding names a coding that is not taken; send gzip, or the body as it is".to_owned()
            }
            Self::BodyNotGzip => "Content-Encoding says gzip, and the body is none, or broke off".to_owned(),
        }
    }

    fn oauth_code(&self, status: StatusCode) -> OAuthErrorCode {
        match self {
            Self::OAuth(error) | Self::BasicCredentials(error) => error.code,
            _ if status.is_server_error() => OAuthErrorCode::ServerError,
            _ => OAuthErrorCode::InvalidRequest,
        }
    }

    /// How the client may show who it is (RFC 6750, section 3; RFC 7617).
    fn challenge(&self) -> Option<HeaderValue> {
        let challenge = match self {
            Self::Domain(Error::NotAuthenticated(AuthenticationProblem::Missing)) => "Bearer",
            Self::Domain(Error::NotAuthenticated(_)) => "Bearer error=\"invalid_token\"",
            Self::Domain(Error::PermissionMissing { .. }) => "Bearer error=\"insufficient_scope\"",
            Self::TokenTwice => "Bearer error=\"invalid_request\"",
            Self::BasicCredentials(_) => "Basic realm=\"passbridge\"",
            _ => return None,
        };
        Some(HeaderValue::from_static(challenge))
    }
}

/// The HTTP status of an error. Exhaustive, so that a new error cannot be forgotten here.
fn status_of(error: &Error) -> StatusCode {
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
