//! The yardstick: an axum router on hyper and tokio's default runtime, with no layers, which reads a request's body
//! and answers what passbridge once answered.

use axum::{
    Router,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    answer::{Outline, headers},
    support::Result,
    workload::{CREATE, READ},
};

/// What it answers, each time the same.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answers {
    /// To a create.
    pub created: Answer,
    /// To a read.
    pub read: Answer,
    /// To a read in XML.
    pub read_xml: Answer,
}

/// An answer that was received.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Reads one, without the headers that hyper writes by itself.
    pub fn of(received: &[u8]) -> Result<Self> {
        let Outline { status, head, .. } = Outline::of(received)?.ok_or("the answer is not complete")?;
        let (head, body) = received.split_at(head);
        let by_hyper = |name: &str| ["content-length", "date"].contains(&name);
        let headers = headers(std::str::from_utf8(head)?).filter(|(name, _)| !by_hyper(name));
        Ok(Self {
            status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: std::str::from_utf8(body)?.to_owned(),
        })
    }

    fn prepare(self) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let header = |(name, value): (String, String)| -> Result<_> {
            Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?))
        };
        let headers = self.headers.into_iter().map(header).collect::<Result<_>>()?;
        Ok((StatusCode::from_u16(self.status)?, headers, self.body.into()))
    }
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

/// Serves until the process is killed. The address is told as passbridge tells its own.
pub fn serve(answers: &str) -> Result<()> {
    let router = router(serde_json::from_str(answers)?)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!(r#"{{"rest":"{}"}}"#, listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(router.clone());
            // Whoever calls over it learns of its end.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}
