//! The application: the one place that knows every part. Config → build → serve.

mod background;
mod callers;
mod copy;
mod doctor;
mod faces;
mod issuers;
mod memory;
mod operations;
mod perform;
mod private_file;
mod reload;
mod rest;
mod serve;
mod services;
mod status;
mod store;
mod tls;
mod upstreams;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use tokio::net::TcpListener;

use crate::{
    admin::{AdminListener, BindSocketError},
    config::{Config, ConfigError, ValidConfig},
    domain::{
        clock::{SharedClock, SystemClock},
        error::{Error, StoreError},
        randomness::{OsRandomness, SharedRandomness},
    },
    rest::Passthrough,
    server::{self, BindError, WorkerPool},
    store::{embedded::OpenError, redis::RedisOpenError},
    telemetry::{Metrics, Telemetry, TraceExport},
};
pub use copy::{CopyStoreError, copy_store};
pub use perform::perform;
pub use reload::{Reload, check};
use services::Services;
use status::Status;
pub use store::AuditError;
use store::OpenStore;
use tls::TlsListeners;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data folder cannot be used.
    #[error("store.path: {0}")]
    Store(#[from] OpenError),
    /// Redis cannot be used.
    #[error("store.url: {0}")]
    Redis(#[from] RedisOpenError),
    /// The socket for commands cannot be made.
    #[error(transparent)]
    Socket(#[from] BindSocketError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The store is to be the copy of another one, which was broken off.
    #[error(
        "the store is a copy of another one that was broken off: finish it (`passbridge store copy`), or remove what is there \
         and begin anew"
    )]
    UnfinishedCopy,
    /// The key ring does not open what is in the store.
    #[error("the secrets in the store cannot be opened: {}", .0.operator_message())]
    Secrets(Error),
    /// What clients are recognized by cannot be read from the store.
    #[error("the signing key and the revocations cannot be read")]
    Service(#[from] Error),
    /// A command was refused.
    #[error("{}", .0.operator_message())]
    Command(Error),
    /// The operating system gave no thread.
    #[error("no serving thread could be started: {0}")]
    Threads(#[from] io::Error),
    /// The store could not be closed in good order.
    #[error("the store could not be closed: {0}")]
    Close(#[from] StoreError),
    /// A write to the store failed, and the configuration says to end then.
    #[error(
        "the server ended because a write to the store failed ({0}); nothing acknowledged is lost: mend the disk and start \
         it again, or have a supervisor do so (store.on_write_failure)"
    )]
    WriteFailed(StoreError),
    /// A defect of the build.
    #[error("the descriptor set cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What the server takes from the world around it. A test brings its own.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: SharedClock,
    /// Randomness for codes and ids.
    pub randomness: SharedRandomness,
    /// How much memory the process may take, in bytes, where that is known.
    pub memory: Option<u64>,
}

impl Default for Surroundings {
    fn default() -> Self {
        let memory = memory::available(Path::new("/"));
        Self { clock: Arc::new(SystemClock), randomness: Arc::new(OsRandomness), memory }
    }
}

/// A server that has its addresses and its data, and is ready to serve.
pub struct App {
    config: ValidConfig,
    passthrough: Passthrough,
    memory: Option<u64>,
    services: Services,
    listeners: Listeners,
    telemetry: Telemetry,
    status: Status,
    tls: Arc<TlsListeners>,
    pool: WorkerPool,
}

/// Where the server can be reached.
struct Listeners {
    grpc: TcpListener,
    rest: TcpListener,
    admin: Option<AdminListener>,
    operations: TcpListener,
}

impl App {
    /// Opens the store, puts the parts together and takes the addresses.
    ///
    /// # Errors
    /// Everything that keeps the server from starting, in words for the operator.
    pub async fn build(
        config: Config,
        surroundings: Surroundings,
        traces: Option<&TraceExport>,
    ) -> Result<Self, StartError> {
        let valid = ValidConfig::read(config)?;
        let passthrough = Passthrough::default();
        rest::prepare(&passthrough, &valid)?;
        let memory = surroundings.memory;
        memory::check(&valid, store::bytes_per_code(&valid.written), memory)?;
        let config = &valid.written;
        let store = OpenStore::open_for_server(&valid, &surroundings).await?;
        let measured = store.clone();
        let metrics = Arc::new(Metrics::new(move || measured.clone().readings()));
        // Commands on a store that others have too need no server for it.
        let admin = store.is_exclusive().then(|| AdminListener::bind(&config.store.path)).transpose()?;
        if config.store.key_ring.is_none() {
            tracing::warn!(
                "store.key_ring is not set: secrets in the data folder are as safe as that folder"
            );
        }
        private_file::warn_of_readable(config);
        let clock = Arc::clone(&surroundings.clock);
        let tls = TlsListeners::new(config, clock, Arc::clone(&metrics)).map_err(ConfigError::of_values)?;
        let services = Services::build(&valid, surroundings, &store, Some(Arc::clone(&metrics))).await?;
        services.issuers.install(services.issuers.make(&valid.issuers)?);
        let telemetry = Telemetry::new(metrics, traces);
        // After the socket for commands: whoever sees that the ports accept can give commands.
        let listeners = Listeners {
            admin,
            grpc: server::bind("grpc.listen", config.grpc.listen)?,
            rest: server::bind("rest.listen", config.rest.listen)?,
            operations: server::bind("operations.listen", config.operations.listen)?,
        };
        let pool = WorkerPool::start(threads(config), &services.detached)?;
        Ok(Self {
            config: valid,
            passthrough,
            memory,
            services,
            listeners,
            telemetry,
            status: Status::default(),
            tls: Arc::new(tls),
            pool,
        })
    }

    /// Where gRPC is served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn grpc_address(&self) -> io::Result<SocketAddr> {
        self.listeners.grpc.local_addr()
    }

    /// Where REST is served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn rest_address(&self) -> io::Result<SocketAddr> {
        self.listeners.rest.local_addr()
    }

    /// Where health and metrics are served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn operations_address(&self) -> io::Result<SocketAddr> {
        self.listeners.operations.local_addr()
    }

    /// Takes a new configuration for the calls that begin after it; see [`Reload`].
    #[must_use]
    pub fn reload_handle(&self) -> Reload {
        let (passthrough, tls) = (self.passthrough.clone(), Arc::clone(&self.tls));
        Reload::new(self.config.written.clone(), &self.services, passthrough, tls, self.memory)
    }
}

fn threads(config: &Config) -> usize {
    match config.runtime.threads {
        0 => std::thread::available_parallelism().map_or(1, Into::into),
        threads => threads,
    }
}
