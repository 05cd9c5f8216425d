//! Wires all parts of the application: configuration → build → serve. No other module knows every part.

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

/// The server cannot start, or stopped with an error.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A listen address is unavailable.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data folder is unusable.
    #[error("store.path: {0}")]
    Store(#[from] OpenError),
    /// Redis is unusable.
    #[error("store.url: {0}")]
    Redis(#[from] RedisOpenError),
    /// The socket for commands cannot be created.
    #[error(transparent)]
    Socket(#[from] BindSocketError),
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The store is the target of an interrupted copy.
    #[error(
        "the store is the target of an interrupted copy; finish the copy with `passbridge store copy`, or delete the target's \
         content and start over"
    )]
    UnfinishedCopy,
    /// The key ring does not open the secrets in the store.
    #[error("cannot open the secrets in the store: {}", .0.operator_message())]
    Secrets(Error),
    /// The signing key and the revocations, which authenticate clients, cannot be read from the store.
    #[error("cannot read the signing key and the revocations from the store")]
    Service(#[from] Error),
    /// A command failed.
    #[error("{}", .0.operator_message())]
    Command(Error),
    /// The operating system cannot start a thread.
    #[error("cannot start a serving thread: {0}")]
    Threads(#[from] io::Error),
    /// The store did not close cleanly.
    #[error("cannot close the store: {0}")]
    Close(#[from] StoreError),
    /// A write to the store failed, and `store.on_write_failure` says to exit in this case.
    #[error(
        "the server stopped because a write to the store failed ({0}); no acknowledged write is lost: repair the disk and restart \
         the server, or let a supervisor restart it (store.on_write_failure)"
    )]
    WriteFailed(StoreError),
    /// The build is defective.
    #[error("cannot serve the descriptor set: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// The server's dependencies on its environment. Tests inject their own.
#[derive(Debug, Clone)]
pub struct AppDependencies {
    /// The clock.
    pub clock: SharedClock,
    /// The source of random codes and ids.
    pub randomness: SharedRandomness,
    /// The memory available to the process in bytes, if known.
    pub memory: Option<u64>,
}

impl Default for AppDependencies {
    fn default() -> Self {
        let memory = memory::available(Path::new("/"));
        Self { clock: Arc::new(SystemClock), randomness: Arc::new(OsRandomness), memory }
    }
}

/// A server that is bound to its addresses, has its store open, and is ready to serve.
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

/// The bound listeners.
struct Listeners {
    grpc: TcpListener,
    rest: TcpListener,
    admin: Option<AdminListener>,
    operations: TcpListener,
}

impl App {
    /// Opens the store, builds all parts and binds the addresses.
    ///
    /// # Errors
    /// Any problem that prevents the server from starting, worded for the operator.
    pub async fn build(
        config: Config,
        dependencies: AppDependencies,
        traces: Option<&TraceExport>,
    ) -> Result<Self, StartError> {
        let valid = ValidConfig::read(config)?;
        let passthrough = Passthrough::default();
        rest::prepare(&passthrough, &valid)?;
        let memory = dependencies.memory;
        memory::check(&valid, store::bytes_per_code(&valid.written), memory)?;
        let config = &valid.written;
        let store = OpenStore::open_for_server(&valid, &dependencies).await?;
        let measured = store.clone();
        let metrics = Arc::new(Metrics::new(move || measured.clone().readings()));
        // Commands reach a shared store without the server, so it needs no socket.
        let admin = store.is_exclusive().then(|| AdminListener::bind(&config.store.path)).transpose()?;
        if config.store.key_ring.is_none() {
            tracing::warn!(
                "store.key_ring is not set; only the data folder's permissions protect its secrets"
            );
        }
        private_file::warn_of_readable(config);
        let clock = Arc::clone(&dependencies.clock);
        let tls = TlsListeners::new(config, clock, Arc::clone(&metrics)).map_err(ConfigError::of_values)?;
        let services = Services::build(&valid, dependencies, &store, Some(Arc::clone(&metrics))).await?;
        services.issuers.install(services.issuers.make(&valid.issuers)?);
        let telemetry = Telemetry::new(metrics, traces);
        // The ports are bound after the command socket: once a port accepts connections, commands work too.
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

    /// The bound gRPC address.
    ///
    /// # Errors
    /// If the operating system does not report it.
    pub fn grpc_address(&self) -> io::Result<SocketAddr> {
        self.listeners.grpc.local_addr()
    }

    /// The bound REST address.
    ///
    /// # Errors
    /// If the operating system does not report it.
    pub fn rest_address(&self) -> io::Result<SocketAddr> {
        self.listeners.rest.local_addr()
    }

    /// The bound address for health and metrics.
    ///
    /// # Errors
    /// If the operating system does not report it.
    pub fn operations_address(&self) -> io::Result<SocketAddr> {
        self.listeners.operations.local_addr()
    }

    /// A handle that applies a new configuration to subsequent calls; see [`Reload`].
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
