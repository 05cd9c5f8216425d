//! A call, as the handlers read it.

use std::{borrow::Cow, net::SocketAddr};

use http::{HeaderMap, Method, header::CONTENT_TYPE, request::Parts};
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The characters that are not percent-encoded in a path or a query.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A completely read request.
#[derive(Debug)]
pub(crate) struct Call {
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// The query as sent; empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The address of the caller.
    pub peer: SocketAddr,
}

/// The parameters of the query, then those of the form.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Call {
    /// Creates a call from these parts.
    pub(crate) fn new(head: Parts, body: Bytes, peer: SocketAddr) -> Self {
        Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
            peer,
        }
    }

    /// The header's value, if it is present and not empty.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The access token.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The origin by which the caller addresses this provider.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("localhost"))
    }

    /// The parameters of the query and of the form.
    pub(crate) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add(&self.query);
        if self.has_form() {
            parameters.add(&String::from_utf8_lossy(&self.body));
        }
        parameters
    }

    fn has_form(&self) -> bool {
        let media_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        media_type.starts_with("application/x-www-form-urlencoded")
    }

    /// The device's address: the last forwarded one, which is the only one that the direct caller added, or the caller's own
    /// address.
    pub(crate) fn address(&self) -> Cow<'_, str> {
        let last = self.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
        match forwarded.map(str::trim) {
            Some(address) if !address.is_empty() => Cow::Borrowed(address),
            _ => Cow::Owned(self.peer.ip().to_string()),
        }
    }
}

impl Parameters {
    /// The first non-empty value of the parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn add(&mut self, form: &str) {
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.0.push((form_decode(name), form_decode(value)));
        }
    }
}

/// A percent-decoded path segment.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The text, percent-encoded for a path or a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn form_decode(text: &str) -> String {
    decode(&text.replace('+', " ")).into_owned()
}
