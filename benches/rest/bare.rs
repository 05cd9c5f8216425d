//! The reference: an axum router on hyper and tokio's default runtime, without layers, which reads the request's body and
//! sends a recorded response of passbridge.

use axum::{
    Router,
    routing::{get, post},
};
use bytes::Bytes;
use http::Uri;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    recorded::Answer,
    support::Result,
    workload::{CREATE, READ},
};

/// The responses, the same for every call.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answers {
    /// The response to a create.
    pub created: Answer,
    /// The response to a read.
    pub read: Answer,
    /// The response to a read in XML.
    pub read_xml: Answer,
}

fn router(answers: Answers) -> Result<Router> {
    let (created, read, read_xml) =
        (answers.created.prepare()?, answers.read.prepare()?, answers.read_xml.prepare()?);
    let create = post(async move |_body: Bytes| created.clone());
    let read = get(
        async move |uri: Uri, _body: Bytes| {
            if uri.path().ends_with(".xml") { read_xml.clone() } else { read.clone() }
        },
    );
    Ok(Router::new().route(CREATE, create).route(READ, read))
}

/// Serves until the process is killed. The address is printed in the format of passbridge.
pub fn serve(answers: &str) -> Result<()> {
    let router = router(serde_json::from_str(answers)?)?;
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
