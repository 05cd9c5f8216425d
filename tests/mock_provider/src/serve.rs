//! Connections.

use std::time::Duration;

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::pipeline::Provider;

/// How long to wait when there are no file descriptors left, instead of spinning.
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
    // Without it a short answer may wait for an acknowledgement, which would be measured as the mock's own time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let provider = provider.clone();
        async move { provider.answer(request, peer).await }
    });
    // A connection fails when a client goes away, and when a fault closes or cuts it: nobody needs to hear of either.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
