//! A response before it is sent, so that faults can still change it.

use std::{convert::Infallible, error::Error, future, io, time::Duration};

use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION},
};
use http_body_util::{BodyExt, Either, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use serde::Serialize;

use crate::{clock, xml::escaped};

/// The body that is sent: nearly always a complete one, which needs no allocation.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>>;

/// The response to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    /// The headers, without those that the transport adds.
    pub headers: HeaderMap,
    /// The body.
    pub content: Content,
}

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Content {
    /// These bytes.
    Whole(Bytes),
    /// The first half of these bytes, after which the connection is closed.
    Cut(Bytes),
    /// This many bytes, generated while they are sent.
    Generated(u64),
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status, headers, content: Content::Whole(body.into()) }
    }

    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("keys are strings");
        Self::new(status, "application/json", body)
    }

    /// JSON with the content type of v2.
    pub(crate) fn json_utf8(status: StatusCode, value: &impl Serialize) -> Self {
        let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
        Self::json(status, value).header(CONTENT_TYPE, content_type)
    }

    /// A redirect of a browser. `None` if the location is not a valid header value.
    pub(crate) fn redirect(location: &str) -> Option<Self> {
        Some(Self::html(StatusCode::FOUND).header(LOCATION, HeaderValue::from_str(location).ok()?))
    }

    /// A page for a browser.
    pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Self {
        let title = escaped(title);
        let page = format!(
            "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>"
        );
        Self::new(status, "text/html; charset=utf-8", page)
    }

    /// A page like those of a proxy in front of the provider.
    pub(crate) fn html(status: StatusCode) -> Self {
        Self::new(
            status,
            "text/html",
            format!("<html><head><title>{status}</title></head><body></body></html>"),
        )
    }

    /// 204.
    pub(crate) fn nothing() -> Self {
        Self::bare(StatusCode::NO_CONTENT, Content::Whole(Bytes::new()))
    }

    /// This body without headers.
    pub(crate) fn bare(status: StatusCode, content: Content) -> Self {
        Self { status, headers: HeaderMap::new(), content }
    }

    /// The same response with this header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The HTTP response, with this time as its `Date`.
    pub(crate) fn into_response(mut self, now: i64) -> Response<Body> {
        // The transport knows the length of a complete body.
        if let Content::Cut(bytes) = &self.content {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        self.headers.entry(DATE).or_insert_with(|| clock::http_date(now));
        let mut response = Response::new(self.content.into_body());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl Content {
    fn into_body(self) -> Body {
        match self {
            Self::Whole(bytes) => Either::Left(Full::new(bytes)),
            Self::Cut(bytes) => Either::Right(cut(bytes)),
            Self::Generated(length) => Either::Right(generated(length)),
        }
    }
}

type Boxed = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

fn cut(bytes: Bytes) -> Boxed {
    /// Without this pause, the connection would be closed before its buffer is written.
    const PAUSE: Duration = Duration::from_millis(20);
    let half = Frame::data(bytes.slice(..bytes.len() / 2));
    let end = async {
        tokio::time::sleep(PAUSE).await;
        Err(Box::from(io::Error::other("cut")))
    };
    StreamBody::new(stream::iter([Ok(half)]).chain(stream::once(end))).boxed_unsync()
}

/// The alphabet, repeated.
fn generated(length: u64) -> Boxed {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    let chunk = Bytes::from(ALPHABET.repeat(512));
    let frames = stream::unfold(length, move |left| {
        let size = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let frame = Ok::<_, Infallible>(Frame::data(chunk.slice(..size)));
        future::ready((size > 0).then(|| (frame, left - size as u64)))
    });
    StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync()
}
