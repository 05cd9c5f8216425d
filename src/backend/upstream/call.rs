//! A call to the provider and its answer, as the adapters of both versions know them.

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

/// The header that device information goes in.
pub(super) const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// How long to wait after 429 at least (reference, section 6), and at most.
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
const THROTTLED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// What the provider may refuse a token for: a requestor at one of its origins; nothing in particular by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct TokenScope(Option<(ProviderOrigin, RequestorId)>);

impl TokenScope {
    pub(super) fn of(origin: ProviderOrigin, requestor: &RequestorId) -> Self {
        Self(Some((origin, requestor.clone())))
    }
}

/// Which of the two origins a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ProviderOrigin {
    Api,
    Reset,
}

/// A call that is about to be made. It holds secrets, and shows itself to no log.
pub(super) struct ProviderCall {
    pub method: Method,
    pub origin: ProviderOrigin,
    /// Absolute, and of characters that a path may have.
    pub path: String,
    /// Encoded; empty for none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// On whose behalf it is made: what `X-Forwarded-For` says, and whose pace it keeps.
    pub device: Option<Address>,
    /// Whether a call that may have been made already can be made again.
    pub repeatable: bool,
    /// What a token must be good for.
    pub scope: TokenScope,
    /// As whose client it is made.
    pub acting: ActingClient,
}

/// As whose client of the provider's a call is made, where each device has one. Where none has, all are made as ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ActingClient {
    /// As ours.
    #[default]
    Server,
    /// As the device's, and as ours where it has none: its logins of before each device had one are ours.
    Known(DeviceId),
    /// As the device's, which is registered first where it has none: the login that begins belongs to its client.
    Registered(DeviceId),
}

impl ProviderCall {
    /// A call to the API with nothing but its path.
    pub(super) fn new(method: Method, path: String) -> Self {
        Self {
            repeatable: method == Method::GET,
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

    /// The same with a query.
    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.query = form(pairs);
        self
    }

    /// The same on behalf of the device at this address.
    pub(super) fn on_behalf_of(self, device: Option<Address>) -> Self {
        Self { device, ..self }
    }

    /// The same for a call that begins a login: the device has a client of its own from then on.
    pub(super) fn registering(self) -> Self {
        match self.acting {
            ActingClient::Known(device) => Self { acting: ActingClient::Registered(device), ..self },
            ActingClient::Server | ActingClient::Registered(_) => self,
        }
    }

    /// The same with a form.
    pub(super) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body = form(pairs).into();
        self
    }

    /// The same with JSON.
    pub(super) fn json(mut self, value: &serde_json::Value) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = value.to_string().into();
        self
    }

    /// The same with one more header. An empty one is none, and what no header can hold is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value.trim()) {
            Ok(value) if value.is_empty() => {}
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => tracing::warn!(header = %name, "a header that HTTP cannot carry is not sent upstream"),
        }
        self
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What came back. It may hold secrets, and shows itself to no log.
pub(super) struct ProviderResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ProviderResponse {
    /// The media type, without parameters.
    pub(super) fn media_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }

    /// Whether a front door answered, and not the API.
    pub(super) fn is_html(&self) -> bool {
        self.media_type().eq_ignore_ascii_case("text/html")
    }

    /// What the answer's `Date` says.
    pub(super) fn date(&self) -> Option<&str> {
        self.headers.get(DATE)?.to_str().ok()
    }

    /// How long to wait after 429.
    pub(super) fn retry_after(&self) -> Duration {
        let said = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        said.map_or(THROTTLED_PAUSE, Duration::from_secs).clamp(THROTTLED_PAUSE, THROTTLED_PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use http::header::USER_AGENT;

    use super::*;
    use crate::telemetry::CapturedLog;

    #[test]
    fn a_header_that_http_cannot_carry_is_left_out_and_that_is_logged_without_its_value() {
        let log = CapturedLog::of_this_thread();
        let with = |value: &str| {
            let call = ProviderCall::new(Method::GET, "/".to_owned()).header(USER_AGENT, value);
            call.headers.get(USER_AGENT).map(|value| value.as_bytes().to_vec())
        };
        assert_eq!(with("Télé/1.0"), Some("Télé/1.0".into()), "beyond ASCII it can");
        assert_eq!((with(""), with("  ")), (None, None));
        assert!(log.text().is_empty(), "{}", log.text());
        assert_eq!(with("a\nb"), None);
        let text = log.text();
        assert!(text.contains("a header that HTTP cannot carry is not sent upstream"), "{text}");
        assert!(text.contains("user-agent") && !text.contains("a\nb"), "{text}");
    }
}
