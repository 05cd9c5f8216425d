//! A TCP proxy between clients and a server that tests can cut.

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::{self, Handle},
    sync::watch,
};

use crate::Server;

/// A proxy in front of a server. Clients connect to its address.
#[derive(Debug)]
pub struct Proxy {
    gate: Gate,
    scheme: &'static str,
}

impl Proxy {
    /// Creates a proxy for this server, with its own port.
    pub fn before(server: &Server) -> Self {
        Self { gate: Gate::open(([127, 0, 0, 1], 0).into(), server.address()), scheme: server.scheme() }
    }

    /// Creates a proxy for this server, with the same port at another address.
    pub(crate) fn at(host: &str, server: &Server) -> Self {
        let listen = SocketAddr::new(host.parse().expect("an address"), server.address().port());
        Self { gate: Gate::open(listen, server.address()), scheme: server.scheme() }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.gate.address
    }

    /// `redis://` or `rediss://` with its address, and no user.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Closes all connections, and new ones as soon as they are accepted, until [`Self::heal`].
    pub fn cut(&self) {
        self.gate.rule.send_replace(Rule::Cut);
    }

    /// Simulates a partition until [`Self::heal`]: connections stay open and new ones are accepted, but data is delivered in neither
    /// direction before the partition ends.
    pub fn hold(&self) {
        self.gate.rule.send_replace(Rule::Hold);
    }

    /// Delivers everything again, including the data that [`Self::hold`] has delayed.
    pub fn heal(&self) {
        self.gate.rule.send_replace(Rule::HoldFrom(Vec::new()));
    }
}

/// The rule for connections.
#[derive(Debug, Clone)]
enum Rule {
    Cut,
    Hold,
    /// Only connections from these source addresses.
    HoldFrom(Vec<IpAddr>),
}

/// A listener that forwards connections by a rule. Dropping it closes its connections.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    rule: watch::Sender<Rule>,
}

/// All proxies run on one thread.
static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("engine-proxies".to_owned()).spawn(run).expect("a thread");
    handle
});

impl Gate {
    /// Starts the listener; it listens when this returns.
    pub(crate) fn open(listen: SocketAddr, to: SocketAddr) -> Self {
        let listener =
            std::net::TcpListener::bind(listen).unwrap_or_else(|error| panic!("{listen}: {error}"));
        listener.set_nonblocking(true).expect("set");
        let address = listener.local_addr().expect("bound");
        let (rule, rules) = watch::channel(Rule::HoldFrom(Vec::new()));
        RUNTIME.spawn(accept(listener, to, rules));
        Self { address, rule }
    }

    /// Delivers nothing to or from these source addresses.
    pub(crate) fn hold(&self, sources: Vec<IpAddr>) {
        self.rule.send_replace(Rule::HoldFrom(sources));
    }
}

async fn accept(listener: std::net::TcpListener, to: SocketAddr, mut rules: watch::Receiver<Rule>) {
    let listener = TcpListener::from_std(listener).expect("registered");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(&mut rules) => return,
        };
        if let Ok((client, source)) = accepted {
            tokio::spawn(pass(client, to, Passage { source: source.ip(), rules: rules.clone() }));
        }
    }
}

async fn closed(rules: &mut watch::Receiver<Rule>) {
    while rules.changed().await.is_ok() {}
}

/// The state of the rule for one connection.
#[derive(Clone)]
struct Passage {
    source: IpAddr,
    rules: watch::Receiver<Rule>,
}

impl Passage {
    /// Waits until no rule holds the connection.
    async fn is_open(&mut self) {
        let source = self.source;
        let open = |rule: &Rule| matches!(rule, Rule::HoldFrom(sources) if !sources.contains(&source));
        if self.rules.wait_for(open).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until the connection is cut or the gate is dropped.
    async fn is_cut(&mut self) {
        let _ = self.rules.wait_for(|rule| matches!(rule, Rule::Cut)).await;
    }
}

async fn pass(client: TcpStream, to: SocketAddr, mut passage: Passage) {
    let mut until_cut = passage.clone();
    let both_ways = async {
        passage.is_open().await;
        let Ok(server) = TcpStream::connect(to).await else { return };
        let (Ok(()), Ok(())) = (client.set_nodelay(true), server.set_nodelay(true)) else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::join!(pump(from_client, to_server, passage.clone()), pump(from_server, to_client, passage));
    };
    tokio::select! {
        () = both_ways => {}
        () = until_cut.is_cut() => {}
    }
}

/// Copies data until the end of `from`, and forwards the end too.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passage: Passage) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        passage.is_open().await;
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
