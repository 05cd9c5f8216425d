//! Calls that well-behaved clients never make: bytes that are not a message, and deadlines that the client
//! does not enforce itself (tonic's channel gives up at the deadline, before the server's response arrives).

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use passbridge::proto::v1::registration_code_service_client::RegistrationCodeServiceClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

/// A bare HTTP/2 connection.
#[derive(Clone)]
pub struct RawChannel {
    connection: SendRequest<Body>,
}

impl RawChannel {
    /// Opens a connection.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::with_window(address, 65_535).await
    }

    /// Opens a connection with this initial stream window, in bytes.
    pub async fn with_window(address: SocketAddr, bytes: u32) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.expect("connects");
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(bytes);
        Self::begin(&builder, stream).await.expect("speaks HTTP/2")
    }

    /// Uses this stream as the connection.
    #[allow(dead_code, reason = "not every binary has such a stream")]
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<Self> {
        Self::begin(&Builder::new(TokioExecutor::new()), stream).await
    }

    async fn begin(
        builder: &Builder<TokioExecutor>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> hyper::Result<Self> {
        let (connection, driver) = builder.handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { connection })
    }

    /// Returns a typed client over this connection.
    pub fn codes(&self) -> RegistrationCodeServiceClient<Self> {
        RegistrationCodeServiceClient::with_origin(self.clone(), origin())
    }
}

/// Request URIs need an authority. The server ignores it.
pub fn origin() -> http::Uri {
    http::Uri::from_static("http://passbridge.test")
}

impl tower::Service<http::Request<Body>> for RawChannel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.connection.send_request(request))
    }
}
