//! A plain HTTP client without passbridge code: it sends exactly what the test specifies.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// A request to send.
pub struct Call {
    address: SocketAddr,
    request: http::request::Builder,
    body: Bytes,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// Creates a request to this server.
pub fn call(address: SocketAddr, method: &str, path: &str) -> Call {
    let request = Request::builder().method(method).uri(path).header("host", address.to_string());
    Call { address, request, body: Bytes::new() }
}

impl Call {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = http::HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        if name == "host" {
            self.request.headers_mut().expect("valid so far").remove("host");
        }
        self.request = self.request.header(name, value);
        self
    }

    /// Sets a form body.
    pub fn form(self, form: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request on a separate connection.
    pub async fn send(self) -> Answer {
        let stream = tokio::net::TcpStream::connect(self.address).await.expect("connects");
        self.send_over(stream).await.expect("answers")
    }

    /// Sends the request over this connection.
    pub async fn send_over(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> hyper::Result<Answer> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = self.request.body(Full::new(self.body)).expect("a request");
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    /// Returns the JSON body. Panics if the status differs.
    #[track_caller]
    pub fn json(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Returns the XML body. Panics if the status differs.
    #[track_caller]
    pub fn xml(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/xml", "{self:?}");
        &self.body
    }

    /// Returns the message of a documented JSON error.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        let error = self.json(status);
        assert_eq!(error["status"], status, "{error}");
        error["message"].as_str().expect("a message").to_owned()
    }

    /// Returns a header. Panics if it is missing.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().expect("text")
    }
}
