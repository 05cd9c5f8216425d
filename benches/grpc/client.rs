//! A gRPC client that costs as little as it can, because it shares the processors with the server that it
//! measures: HTTP/2 alone, bodies that are encoded already, and no look at an answer beyond its status.

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

/// As many bytes as the server may send ahead: flow control is not what is measured.
const WINDOW: u32 = 16 << 20;

/// Compressed or not, and the length: what stands before a message.
pub const PREFIX: usize = 5;

impl From<h2::Error> for CallError {
    fn from(error: h2::Error) -> Self {
        Self::Connection(error.into())
    }
}

/// One connection, for the method with one path. A clone shares the connection.
#[derive(Clone)]
pub struct Client {
    /// What calls are made over.
    pub connection: SendRequest<Bytes>,
    /// What each call begins with.
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

    /// Calls with a message that has its prefix, and gives the answer's.
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
    /// Speaks over `stream`, and leaves the connection to the runtime that this runs on.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        uri: &str,
    ) -> Result<Self> {
        let (connection, driver) = Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(stream)
            .await?;
        // Whoever calls over it learns of its end.
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

/// Whether a call went well, by how it ended.
pub fn check(head: &Response<()>, trailers: Option<&HeaderMap>) -> std::result::Result<(), CallError> {
    // An error that needs no body has its status in the headers.
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
