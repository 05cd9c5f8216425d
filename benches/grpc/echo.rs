//! The reference: a unary echo in the simplest tonic form, and a stream that sends one message and stays open, with tonic's own
//! transport, tokio's default runtime and no layers. Written like tonic's generated code, so that the contract has nothing for
//! benchmarks.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use tokio::net::TcpListener;
use tokio_stream::{StreamExt as _, adapters::Chain, wrappers::TcpListenerStream};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
    transport::Server,
};
use tonic_prost::ProstCodec;

use crate::support::Result;

pub const PATH: &str = "/bench.Echo/Echo";

pub const STREAM_PATH: &str = "/bench.Echo/Stream";

/// The maximum number of streams per connection, the same as passbridge's.
const MAX_STREAMS: u32 = 1_000;

/// A request for a response of another size, because the two messages of a call rarely have the same size.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoRequest {
    /// Pads the request to the size of the measured one.
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
    /// The payload size of the response in bytes.
    #[prost(fixed32, tag = "2")]
    pub response_size: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoResponse {
    /// The requested number of bytes.
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
            let mut grpc = Grpc::new(ProstCodec::<EchoResponse, EchoRequest>::default());
            Ok(match request.uri().path() {
                PATH => grpc.unary(Echo, request).await,
                STREAM_PATH => grpc.server_streaming(Echo, request).await,
                _ => Status::unimplemented("only the echo and the stream are implemented").into_http(),
            })
        })
    }
}

struct Echo;

type Answer = std::result::Result<EchoResponse, Status>;

impl UnaryService<EchoRequest> for Echo {
    type Response = EchoResponse;
    type Future = BoxFuture<Response<EchoResponse>, Status>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(answer(request))) })
    }
}

impl ServerStreamingService<EchoRequest> for Echo {
    type Response = EchoResponse;
    type ResponseStream = Chain<tokio_stream::Once<Answer>, tokio_stream::Pending<Answer>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        let answers = tokio_stream::once(Ok(answer(request))).chain(tokio_stream::pending());
        Box::pin(async move { Ok(Response::new(answers)) })
    }
}

fn answer(request: Request<EchoRequest>) -> EchoResponse {
    let EchoRequest { mut payload, response_size } = request.into_inner();
    payload.resize(response_size as usize, 0);
    EchoResponse { payload }
}

/// Serves until the process is killed. The address is printed in the format of passbridge.
pub fn serve() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!(r#"{{"grpc":"{}"}}"#, listener.local_addr()?);
        let connections = TcpListenerStream::new(listener);
        // `serve` with an address does this by default. Without it, a response waits for the client's ACK.
        let connections = connections.map(|connection| {
            connection.and_then(|connection| connection.set_nodelay(true).map(|()| connection))
        });
        let mut server = Server::builder().max_concurrent_streams(MAX_STREAMS);
        Ok(server.add_service(EchoServer).serve_with_incoming(connections).await?)
    })
}
