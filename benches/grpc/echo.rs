//! The yardstick: a unary echo as tonic makes it easiest, with its own transport, tokio's default runtime and
//! no layers. Written out as tonic's generator would, so that the contract holds nothing for benchmarks.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, UnaryService},
    transport::Server,
};
use tonic_prost::ProstCodec;

use crate::support::Result;

/// The path of the only method.
pub const PATH: &str = "/bench.Echo/Echo";

/// Asks for an answer of a size of its own, since a call's two messages are rarely of the same.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoRequest {
    /// As many bytes as the other server's request has.
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
    /// How many bytes of payload the answer shall have.
    #[prost(fixed32, tag = "2")]
    pub response_size: u32,
}

/// The answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoResponse {
    /// As many bytes as were asked for.
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
}

#[derive(Clone)]
struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::unimplemented("there is only the echo").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<EchoResponse, EchoRequest>::default());
            Ok(grpc.unary(Echo, request).await)
        })
    }
}

struct Echo;

impl UnaryService<EchoRequest> for Echo {
    type Response = EchoResponse;
    type Future = BoxFuture<Response<EchoResponse>, Status>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        Box::pin(async move {
            let EchoRequest { mut payload, response_size } = request.into_inner();
            payload.resize(response_size as usize, 0);
            Ok(Response::new(EchoResponse { payload }))
        })
    }
}

/// Serves until the process is killed. The address is told as passbridge tells its own.
pub fn serve() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!(r#"{{"grpc":"{}"}}"#, listener.local_addr()?);
        let connections = TcpListenerStream::new(listener);
        // What `serve` with an address does by itself; without it an answer waits for the client's ACK.
        let connections = tokio_stream::StreamExt::map(connections, |connection| {
            connection.and_then(|connection| connection.set_nodelay(true).map(|()| connection))
        });
        Ok(Server::builder().add_service(EchoServer).serve_with_incoming(connections).await?)
    })
}
