//! TLS handshakes, full and resumed, compared with a server that does nothing else.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls::ClientConfig, rustls::pki_types::ServerName};

use crate::{
    GRPC,
    client::open,
    credentials::{self, Credentials},
    support::{
        self, Failure, Result, Setting,
        comparison::{Case, Comparison},
        load::{self, Workload},
        measurement::{Measurement, MeasurementPlan, measure},
        process::{Face, Server},
        report::Target,
        tally::CallError,
    },
};

/// The HTTP/2 connection preface of a client (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An empty SETTINGS frame, the first frame of an HTTP/2 server.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HandshakeKind {
    /// A full handshake.
    Full,
    /// A handshake that resumes a session.
    Resumed,
}

/// Opens a connection for each call and waits for the server's first frame, which follows the session tickets.
struct Handshaker {
    address: SocketAddr,
    tls: TlsConnector,
}

impl support::load::Client for Handshaker {
    type Method = Arc<ClientConfig>;

    fn connections(in_flight: usize) -> usize {
        in_flight
    }

    async fn connect(address: SocketAddr, tls: &Arc<ClientConfig>, clients: usize) -> Result<Vec<Self>> {
        Ok((0..clients).map(|_| Self { address, tls: TlsConnector::from(Arc::clone(tls)) }).collect())
    }

    async fn call(&mut self, _: Bytes) -> std::result::Result<Bytes, CallError> {
        let handshake = async {
            let stream = open(self.address).await?;
            let mut stream = self.tls.connect(ServerName::from(self.address.ip()), stream).await?;
            stream.write_all(PREFACE).await?;
            stream.write_all(&SETTINGS).await?;
            stream.read_exact(&mut [0; SETTINGS.len()]).await?;
            Ok::<_, Failure>(Bytes::new())
        };
        // Every failure fails the benchmark, even if the next call succeeds.
        handshake.await.map_err(|error| CallError::Status(error.to_string()))
    }
}

struct Handshake(Arc<ClientConfig>);

impl Workload for Handshake {
    type Client = Handshaker;

    fn method(&self) -> &Arc<ClientConfig> {
        &self.0
    }

    fn request(&self) -> Option<Bytes> {
        Some(Bytes::new())
    }

    fn request_size(&self) -> usize {
        0
    }
}

/// The servers and the workloads.
pub struct Handshakes {
    passbridge: Server,
    bare: Server,
    full: Arc<Handshake>,
    resumed: Arc<Handshake>,
    _credentials: Credentials,
}

impl Handshakes {
    fn of(&self, call: HandshakeKind) -> &Arc<Handshake> {
        match call {
            HandshakeKind::Full => &self.full,
            HandshakeKind::Resumed => &self.resumed,
        }
    }
}

impl Comparison for Handshakes {
    type Call = HandshakeKind;

    const REFERENCE: &'static str = "bare rustls";

    const CASES: &'static [Case<HandshakeKind>] = &[
        Case {
            call: HandshakeKind::Full,
            in_flight: 16,
            throughput: Target::None,
            p99: Target::None,
            cpu: Target::None,
        },
        Case {
            call: HandshakeKind::Resumed,
            in_flight: 16,
            throughput: Target::None,
            p99: Target::None,
            cpu: Target::None,
        },
    ];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let credentials = Credentials::new()?;
        let configuration = credentials.configure_tls()?;
        let face = Face { configuration: Some(&configuration), ..GRPC };
        let passbridge = Server::passbridge(&setting.server, data, &face)?;
        passbridge.wait_until_ready()?;
        let [certificate, key] = credentials.arguments();
        let bare = Server::reference(&GRPC, &["handshaker", &certificate, &key])?;
        let full = Handshake(credentials.client(false)?);
        let resumed = Handshake(credentials.client(true)?);
        for server in [&passbridge, &bare] {
            load::once(server.address, &full)?;
        }
        let (full, resumed) = (Arc::new(full), Arc::new(resumed));
        Ok(Self { passbridge, bare, full, resumed, _credentials: credentials })
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.passbridge(HandshakeKind::Full, plan).map(drop)
    }

    fn passbridge(&self, call: HandshakeKind, plan: MeasurementPlan) -> Result<Measurement> {
        measure(&self.passbridge, self.of(call), plan)
    }

    fn reference(&self, call: HandshakeKind, plan: MeasurementPlan) -> Result<Measurement> {
        measure(&self.bare, self.of(call), plan)
    }

    fn describe(&self) -> String {
        "TLS 1.3 with a P-256 certificate. Each call is a connection: TCP, the handshake, and the server's first frame.\n"
            .to_owned()
    }

    fn end(self) -> Result<()> {
        self.passbridge.terminate()
    }
}

/// Serves until the process is killed: a handshake, a frame, then waits until the client closes the connection.
pub fn serve(arguments: [&str; 2]) -> Result<()> {
    let tls = TlsAcceptor::from(credentials::server(arguments)?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!(r#"{{"grpc":"{}"}}"#, listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let handshake = tls.accept(stream);
            tokio::spawn(async move {
                let mut stream = handshake.await?;
                stream.write_all(&SETTINGS).await?;
                while stream.read(&mut [0; 256]).await? > 0 {}
                Ok::<_, std::io::Error>(())
            });
        }
    })
}
