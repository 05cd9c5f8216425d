//! What stands between clients and a server, and can be cut.

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

/// A proxy before a server, which clients are told to connect to.
#[derive(Debug)]
pub struct Proxy {
    gate: Gate,
    scheme: &'static str,
}

impl Proxy {
    /// One before this server, on a port of its own.
    pub fn before(server: &Server) -> Self {
        Self { gate: Gate::open(([127, 0, 0, 1], 0).into(), server.address()), scheme: server.scheme() }
    }

    /// One before this server, on the same port of another address.
    pub(crate) fn at(host: &str, server: &Server) -> Self {
        let listen = SocketAddr::new(host.parse().expect("an address"), server.address().port());
        Self { gate: Gate::open(listen, server.address()), scheme: server.scheme() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address
    }

    /// `redis://` or `rediss://` with its address, and no user.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Closes all connections, and new ones as soon as they are made, until [`Self::heal`].
    pub fn cut(&self) {
        self.gate.rule.send_replace(Rule::Cut);
    }

    /// Delivers nothing until [`Self::heal`], in either direction, as in a partition: connections stay open, new ones seem to be made,
    /// and what is sent arrives late.
    pub fn hold(&self) {
        self.gate.rule.send_replace(Rule::Hold);
    }

    /// Lets everything pass, also what [`Self::hold`] has kept.
    pub fn heal(&self) {
        self.gate.rule.send_replace(Rule::HoldFrom(Vec::new()));
    }
}

/// What happens to connections.
#[derive(Debug, Clone)]
enum Rule {
    Cut,
    Hold,
    /// Of those who call from these addresses.
    HoldFrom(Vec<IpAddr>),
}

/// A listener that passes on what comes, by a rule. Dropping it closes its connections.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    rule: watch::Sender<Rule>,
}

/// All of them run on one thread.
static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("engine-proxies".to_owned()).spawn(run).expect("a thread");
    handle
});

impl Gate {
    /// Listens before it returns.
    pub(crate) fn open(listen: SocketAddr, to: SocketAddr) -> Self {
        let listener =
            std::net::TcpListener::bind(listen).unwrap_or_else(|error| panic!("{listen}: {error}"));
        listener.set_nonblocking(true).expect("set");
        let address = listener.local_addr().expect("bound");
        let (rule, rules) = watch::channel(Rule::HoldFrom(Vec::new()));
        RUNTIME.spawn(accept(listener, to, rules));
        Self { address, rule }
    }

    /// Delivers nothing to and from those who call from these addresses.
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

/// What one connection may do.
#[derive(Clone)]
struct Passage {
    source: IpAddr,
    rules: watch::Receiver<Rule>,
}

impl Passage {
    /// Until nothing holds it.
    async fn is_open(&mut self) {
        let source = self.source;
        let open = |rule: &Rule| matches!(rule, Rule::HoldFrom(sources) if !sources.contains(&source));
        if self.rules.wait_for(open).await.is_err() {
            std::future::pending().await
        }
    }

    /// Until it is cut, or the gate is gone.
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

/// Passes on until the end of `from`, which is passed on too.
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
