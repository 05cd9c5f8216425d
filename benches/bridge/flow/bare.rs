//! The reference for responses from memory: an axum router on hyper and tokio's default runtime, without layers, which sends a
//! recorded response of passbridge to every request.

use axum::Router;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::TcpListener;

use crate::{recorded::Answer, support::Result};

/// Serves until the process is killed. The address is printed in the format of passbridge.
pub fn serve(answer: &str) -> Result<()> {
    let answer = serde_json::from_str::<Answer>(answer)?.prepare()?;
    let router = Router::new().fallback(async move |_body: Bytes| answer.clone());
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!(r#"{{"rest":"{}"}}"#, listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(router.clone());
            // Callers detect that the connection has ended.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}
