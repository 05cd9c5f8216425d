//! A call to the provider and its response, for the adapters of both versions.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, DATE, RETRY_AFTER},
};

use crate::domain::{
    address::Address,
    id::{DeviceId, RequestorId},
};

pub(super) const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// The shortest wait after 429 (reference, section 6), and the longest.
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
const THROTTLED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// The scope for which the provider may refuse a token: a requestor at one of its origins. The default is no particular scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct TokenScope(Option<(ProviderOrigin, RequestorId)>);

impl TokenScope {
    pub(super) fn of(origin: ProviderOrigin, requestor: &RequestorId) -> Self {
        Self(Some((origin, requestor.clone())))
    }
}

/// The origin that a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ProviderOrigin {
    Api,
    Reset,
}

/// A call to make. It contains secrets, so it does not implement `Debug`.
pub(super) struct ProviderCall {
    pub method: Method,
    pub origin: ProviderOrigin,
    /// The absolute path, percent-encoded.
    pub path: String,
    /// The encoded query; empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The address of the device on whose behalf the call is made: sent in `X-Forwarded-For`, and the key of request pacing.
    pub device: Option<Address>,
    /// Whether the call may be retried although the provider may have received it already.
    pub retryable: bool,
    /// The scope for which the token must be valid.
    pub scope: TokenScope,
    /// The client of the provider that makes the call.
    pub acting: ActingClient,
}

/// The client of the provider that makes a call, if each device has its own (`per_device`). Otherwise the server's client makes
/// all calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ActingClient {
    /// The server's client.
    #[default]
    Server,
    /// The device's client, or the server's if the device has none: its logins from before a change to `per_device` belong to
    /// the server's client.
    Known(DeviceId),
    /// The device's client, which is registered first if necessary: the login that starts belongs to it.
    Registered(DeviceId),
}

impl ProviderCall {
    /// Creates a call to the API with only a path.
    pub(super) fn new(method: Method, path: String) -> Self {
        Self {
            retryable: method == Method::GET,
            method,
            origin: ProviderOrigin::Api,
            path,
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            device: None,
            scope: TokenScope::default(),
            acting: ActingClient::Server,
        }
    }

    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.query = form(pairs);
        self
    }

    /// Sets the address of the device on whose behalf the call is made.
    pub(super) fn on_behalf_of(self, device: Option<Address>) -> Self {
        Self { device, ..self }
    }

    /// Marks a call that starts a login: from then on the device has its own client.
    pub(super) fn registering(self) -> Self {
        match self.acting {
            ActingClient::Known(device) => Self { acting: ActingClient::Registered(device), ..self },
            ActingClient::Server | ActingClient::Registered(_) => self,
        }
    }

    /// Sets a form as the body.
    pub(super) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body = form(pairs).into();
        self
    }

    /// Sets JSON as the body.
    pub(super) fn json(mut self, value: &serde_json::Value) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = value.to_string().into();
        self
    }

    /// Adds a header. Omits an empty value, and a value that HTTP does not allow in a header.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value.trim()) {
            Ok(value) if value.is_empty() => {}
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => {
                tracing::warn!(header = %name, "header with invalid value not sent upstream")
            }
        }
        self
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A response. It may contain secrets, so it does not implement `Debug`.
pub(super) struct ProviderResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ProviderResponse {
    /// Returns the media type without parameters.
    pub(super) fn media_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }

    /// Reports whether the response is a page, which a gateway in front of the API sends, not the API.
    pub(super) fn is_html(&self) -> bool {
        self.media_type().eq_ignore_ascii_case("text/html")
    }

    /// Returns the `Date` header.
    pub(super) fn date(&self) -> Option<&str> {
        self.headers.get(DATE)?.to_str().ok()
    }

    /// Returns the wait after 429.
    pub(super) fn retry_after(&self) -> Duration {
        let seconds = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        seconds.map_or(THROTTLED_PAUSE, Duration::from_secs).clamp(THROTTLED_PAUSE, THROTTLED_PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use http::header::USER_AGENT;

    use super::*;
    use crate::telemetry::CapturedLog;

    #[test]
    fn an_invalid_header_is_omitted_and_logged_without_its_value() {
        let log = CapturedLog::of_this_thread();
        let with = |value: &str| {
            let call = ProviderCall::new(Method::GET, "/".to_owned()).header(USER_AGENT, value);
            call.headers.get(USER_AGENT).map(|value| value.as_bytes().to_vec())
        };
        assert_eq!(with("Télé/1.0"), Some("Télé/1.0".into()), "non-ASCII text is allowed");
        assert_eq!((with(""), with("  ")), (None, None));
        assert!(log.text().is_empty(), "{}", log.text());
        assert_eq!(with("a\nb"), None);
        let text = log.text();
        assert!(text.contains("header with invalid value not sent upstream"), "{text}");
        assert!(text.contains("user-agent") && !text.contains("a\nb"), "{text}");
    }
}
