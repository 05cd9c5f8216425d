//! A request, read: its body, its parameters, the format of its answer, its environment and who sent it.

use axum::{
    body::Bytes,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST},
    request,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::{
    Face,
    address::Addresses,
    failure::{Failure, Shape},
    format::{Asked, asked, media_type, named, split_extension},
    parameters::Parameters,
};
use crate::{
    config::Format,
    domain::{
        authentication::AuthenticationProblem,
        caller::Caller,
        error::{Error, Violations},
        id::EnvironmentName,
        registration::SourceApplication,
    },
};

/// How records of calls with an access token say that they were authorized (reference, section 2).
const OAUTH2: &str = "OAUTH2";

/// A request whose body has come.
pub(super) struct Call {
    head: request::Parts,
    body: Bytes,
    /// Who calls, and for which device.
    pub addresses: Addresses,
    /// The environment that the request's host means.
    pub environment: EnvironmentName,
}

/// Who sent a request.
#[derive(Debug)]
pub(super) struct Identity {
    /// The caller, with what it is granted.
    pub caller: Caller,
    /// `OAUTH2`, or nothing for a request that is signed by itself.
    pub authorization_type: &'static str,
    /// The application, where a registered client sent it.
    pub application: Option<SourceApplication>,
}

impl Identity {
    /// Whether the client is older than device information.
    pub fn is_older_than_device_information(&self) -> bool {
        self.application.is_none()
    }
}

impl Call {
    /// Waits for the body.
    pub async fn read(face: &Face, request: Request) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let limit = face.max_body_size;
        let said = head.headers.get(http::header::CONTENT_LENGTH);
        let said = said.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|length| length > limit) {
            return Err(Failure::BodyTooLarge(limit));
        }
        let collected = timeout(face.answer_timeout, Limited::new(body, limit).collect()).await;
        let body = match collected.map_err(|_| Failure::BodyTooSlow)? {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Failure::BodyTooLarge(limit)),
            Err(_) => return Err(Failure::BodyIncomplete),
        };
        let environment = face.policy.load().environment_of_host(authority(&head));
        let environment = environment.map_err(|violation| Error::InvalidFields(vec![violation]))?;
        let addresses = head.extensions.get::<Addresses>().copied();
        let addresses = addresses.ok_or_else(|| Error::Internal("a call without addresses".to_owned()))?;
        Ok(Self { head, body, addresses, environment })
    }

    /// The parameters of the query and the form.
    pub fn parameters(&self, violations: &mut Violations) -> Parameters<'_> {
        let query = self.head.uri.query().unwrap_or_default();
        Parameters::read(query, &self.head.headers, &self.body, violations)
    }

    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], and where the store must be asked and does not answer.
    pub async fn identity(&self, face: &Face) -> Result<Identity, Error> {
        let refused = |problem| Err(Error::NotAuthenticated(problem));
        let mut lines = self.head.headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return refused(AuthenticationProblem::Missing),
            (Some(line), None) => line.to_str().unwrap_or_default().trim(),
            (Some(_), Some(_)) => return refused(AuthenticationProblem::Unreadable),
        };
        match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let client = face.client_registration.authenticate(token.trim(), &self.environment)?;
                Ok(Identity {
                    caller: client.caller,
                    authorization_type: OAUTH2,
                    application: Some(client.application),
                })
            }
            _ => {
                let method = self.head.method.as_str();
                let caller = face.signed_request.authenticate(method, line).await?;
                Ok(Identity { caller, authorization_type: "", application: None })
            }
        }
    }

    /// Answers with what `work` makes of the call, in the format that it asks for.
    pub async fn answer(
        &self,
        face: &Face,
        work: impl AsyncFnOnce(&Parameters<'_>, Violations, Format) -> Result<Response, Failure>,
    ) -> Response {
        let mut violations = Violations::default();
        let parameters = self.parameters(&mut violations);
        let extension = split_extension(self.head.uri.path()).1;
        let parameter = parameters.filled("format", &mut violations);
        if parameter.is_some_and(|text| named(text).is_none()) {
            violations.add("format", "must be json or xml");
        }
        let chosen = choose(extension, parameter, &self.head.headers, face.default_format);
        let format = chosen.unwrap_or(face.default_format);
        let outcome = match chosen {
            Some(format) => work(&parameters, violations, format).await,
            None => Err(Failure::NotAcceptable),
        };
        outcome.unwrap_or_else(|failure| failure.shaped(Shape::Documented(format)))
    }
}

/// An answer with a body in this format.
pub(super) fn answer(status: StatusCode, format: Format, body: Vec<u8>) -> Response {
    let headers = [(CONTENT_TYPE, media_type(format)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body).into_response()
}

/// The format of a failure that comes before the form is read.
pub(super) fn early_format(uri: &Uri, headers: &HeaderMap, default: Format) -> Format {
    let extension = split_extension(uri.path()).1;
    let mut violations = Violations::default();
    let parameters = Parameters::read(uri.query().unwrap_or_default(), headers, &[], &mut violations);
    choose(extension, parameters.filled("format", &mut violations), headers, default).unwrap_or(default)
}

/// The format of the answer; `None` where the client takes none of ours.
fn choose(
    extension: Option<Format>,
    parameter: Option<&str>,
    headers: &HeaderMap,
    default: Format,
) -> Option<Format> {
    extension.or_else(|| parameter.and_then(named)).or_else(|| match asked(headers) {
        Asked::For(format) => Some(format),
        Asked::Anything => Some(default),
        Asked::SomethingElse => None,
    })
}

fn authority(head: &request::Parts) -> &str {
    let host = || head.headers.get(HOST).and_then(|host| host.to_str().ok());
    head.uri.authority().map(http::uri::Authority::as_str).or_else(host).unwrap_or_default()
}
