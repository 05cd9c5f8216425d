//! A gRPC client with minimal cost, because it shares the CPUs with the measured server: plain HTTP/2, already encoded bodies,
//! and only the status of responses is parsed.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Method, Request, Response, Version};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{
    CONNECTIONS,
    support::{self, Result, tally::CallError},
};

/// The flow-control window, large because flow control is not measured.
const WINDOW: u32 = 16 << 20;

/// The prefix of a message: the compression flag and the length.
pub const PREFIX: usize = 5;

impl From<h2::Error> for CallError {
    fn from(error: h2::Error) -> Self {
        Self::Connection(error.into())
    }
}

/// A client of one method over one connection. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    /// The HTTP/2 connection.
    pub connection: SendRequest<Bytes>,
    /// The head of each call.
    pub request: Request<()>,
}

impl support::load::Client for Client {
    /// The path.
    type Method = str;

    fn connections(_in_flight: usize) -> usize {
        CONNECTIONS
    }

    async fn connect(address: SocketAddr, path: &str, clients: usize) -> Result<Vec<Self>> {
        let client = Self::over(open(address).await?, &format!("http://{address}{path}")).await?;
        Ok(vec![client; clients])
    }

    /// Calls with a prefixed message and returns the prefixed message of the response.
    async fn call(&mut self, body: Bytes) -> std::result::Result<Bytes, CallError> {
        let mut connection = self.connection.clone().ready().await?;
        let (response, mut send) = connection.send_request(self.request.clone(), false)?;
        send.send_data(body, true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut message = Bytes::new();
        while let Some(chunk) = body.data().await.transpose()? {
            body.flow_control().release_capacity(chunk.len())?;
            message = if message.is_empty() { chunk } else { [message, chunk].concat().into() };
        }
        let trailers = body.trailers().await?;
        check(&Response::from_parts(head, ()), trailers.as_ref())?;
        if message.len() < PREFIX {
            return Err(CallError::Status("OK without a message".to_owned()));
        }
        Ok(message.slice(PREFIX..))
    }
}

impl Client {
    /// Opens an HTTP/2 connection over `stream`, driven by the current runtime.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        uri: &str,
    ) -> Result<Self> {
        let (connection, driver) = Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(stream)
            .await?;
        // Callers detect that the connection has ended.
        tokio::spawn(driver);
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        Ok(Self { connection, request })
    }
}

/// Opens a connection.
pub async fn open(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The result of a call by its trailers.
pub fn check(head: &Response<()>, trailers: Option<&HeaderMap>) -> std::result::Result<(), CallError> {
    // An error without a body has its status in the headers.
    let status = trailers.unwrap_or(head.headers());
    let text = |name| status.get(name).map_or("none", |value| value.to_str().unwrap_or("unreadable"));
    match text("grpc-status") {
        "0" => Ok(()),
        code => Err(CallError::Status(format!(
            "HTTP {}, grpc-status {code}, grpc-message {}",
            head.status().as_u16(),
            text("grpc-message")
        ))),
    }
}
