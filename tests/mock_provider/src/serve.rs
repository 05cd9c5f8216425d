//! Connections.

use std::time::Duration;

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::pipeline::Provider;

/// The pause when no file descriptors are left, to avoid a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves every connection until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, provider: Provider) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(connection(stream, provider.clone()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, provider: Provider) {
    let Ok(peer) = stream.peer_addr() else { return };
    // Without it a short response may wait for an acknowledgement, which benchmarks would count as time of the mock.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let provider = provider.clone();
        async move { provider.answer(request, peer).await }
    });
    // A connection fails if a client disconnects, or if a fault closes or cuts it. Neither needs a report.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
