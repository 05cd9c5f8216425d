//! The application: the one place that knows every part. Config → build → serve.

mod limits;
mod operations;
mod perform;
mod reload;
mod rest;
mod store;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::sync::CancellationToken;
use tower::Layer;

use crate::{
    admin::{self, AdminListener, BindSocketError},
    config::{Config, ConfigError},
    domain::{
        caller::Caller,
        clock::{SharedClock, SystemClock},
        device_info::Normalizer,
        error::{Error, StoreError},
        port::Store,
        randomness::{OsRandomness, SharedRandomness},
    },
    grpc::{self, FaceLayer, HealthBoard},
    server::{self, Acceptor, BindError, Http1Options, Http2Options, Serving, Shutdown, WorkerPool},
    service::{
        ClientRegistrationService, RegistrationService, TempPassService,
        budget::LookupBudget,
        client_registration,
        master_key::MasterKey,
        policy::SharedPolicy,
        registration,
        temp_pass::{self, Outcome, Scheduler},
    },
    store::embedded::OpenError,
    telemetry::{Metrics, Telemetry, TraceExport},
};
use operations::Readiness;
pub use perform::perform;
use reload::checked_policy;
pub use reload::{Reload, check};
pub use store::AuditError;

/// How often the store is asked how it is.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of the server waits for commands, which take milliseconds.
const COMMANDS_END: Duration = Duration::from_secs(5);

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
    /// The socket for commands cannot be made.
    #[error(transparent)]
    Socket(#[from] BindSocketError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
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
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), randomness: Arc::new(OsRandomness) }
    }
}

/// A server that has its addresses and its data, and is ready to serve.
pub struct App {
    config: Config,
    policy: SharedPolicy,
    store: Store,
    grpc: TcpListener,
    rest: TcpListener,
    admin: AdminListener,
    operations: TcpListener,
    registration: RegistrationService,
    client_registration: ClientRegistrationService,
    temp_pass: TempPassService,
    clock: SharedClock,
    normalizer: Arc<Normalizer>,
    telemetry: Telemetry,
    readiness: Readiness,
    health: HealthBoard,
    pool: WorkerPool,
}

impl App {
    /// Takes the addresses, opens the store and puts the parts together.
    ///
    /// # Errors
    /// Everything that keeps the server from starting, in words for the operator.
    pub async fn build(
        config: Config,
        surroundings: Surroundings,
        traces: Option<&TraceExport>,
    ) -> Result<Self, StartError> {
        let policy = checked_policy(&config)?;
        let grpc = server::bind("grpc.listen", config.grpc.listen).await?;
        let rest = server::bind("rest.listen", config.rest.listen).await?;
        let operations = server::bind("operations.listen", config.operations.listen).await?;
        let Surroundings { clock, randomness } = surroundings;
        let embedded = store::open(&config, &clock)?;
        let store = embedded.ports();
        let metrics = Arc::new(Metrics::new(move || store::readings(&embedded)));
        let policy: SharedPolicy = Arc::new(ArcSwap::from_pointee(policy));
        let normalizer = Arc::new(Normalizer::new());
        let admin = AdminListener::bind(&config.store.path)?;
        if config.store.key_ring.is_none() {
            tracing::warn!(
                "store.key_ring is not set: secrets in the data folder are as safe as that folder"
            );
        }
        let key_ring = store::key_ring(&config)?;
        let master_key = Arc::new(MasterKey::load(&*store.ledger, &key_ring, &*randomness).await?);
        let client_registration = ClientRegistrationService::open(client_registration::Parts {
            ledger: Arc::clone(&store.ledger),
            master_key: Arc::clone(&master_key),
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
        })
        .await?;
        let temp_pass = TempPassService::new(temp_pass::Parts {
            trials: Arc::clone(&store.trials),
            policy: Arc::clone(&policy),
            randomness: Arc::clone(&randomness),
            audit: store::audit_log(&config, &clock, &master_key)?,
            runtime: Handle::current(),
        });
        let codes = &config.codes;
        let budget = LookupBudget::new(Arc::clone(&clock), codes.misses_per_viewer, codes.misses_per_caller);
        let registration = RegistrationService::new(registration::Parts {
            store: store.clone(),
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock),
            randomness,
            normalizer: Arc::clone(&normalizer),
            budget,
            max_watches: config.grpc.max_watches,
            runtime: Handle::current(),
        });
        let telemetry = Telemetry::new(metrics, traces);
        let pool = WorkerPool::start(threads(&config))?;
        Ok(Self {
            config,
            policy,
            store,
            grpc,
            rest,
            admin,
            operations,
            registration,
            client_registration,
            temp_pass,
            clock,
            normalizer,
            telemetry,
            readiness: Readiness::default(),
            health: HealthBoard::default(),
            pool,
        })
    }

    /// Where gRPC is served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn grpc_address(&self) -> io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where REST is served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn rest_address(&self) -> io::Result<SocketAddr> {
        self.rest.local_addr()
    }

    /// Where health and metrics are served.
    ///
    /// # Errors
    /// Where the operating system does not say.
    pub fn operations_address(&self) -> io::Result<SocketAddr> {
        self.operations.local_addr()
    }

    /// Takes a new configuration for the calls that begin after it; see [`Reload`].
    #[must_use]
    pub fn reload_handle(&self) -> Reload {
        Reload::new(self.config.clone(), Arc::clone(&self.policy))
    }

    /// Serves until `stop` completes, then drains: NOT_SERVING first, then streams end, then the limit.
    ///
    /// # Errors
    /// Where the store cannot be closed in good order.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let shutdown = Shutdown::default();
        let rest_service = rest::service(&self);
        let routes = grpc::routes(grpc::Parts {
            registration: self.registration.clone(),
            temp_pass: self.temp_pass.clone(),
            normalizer: self.normalizer,
            health: self.health.clone(),
            max_message_size: self.config.grpc.max_message_size,
        })?;
        // Before it is ready, or the first calls would wait for it.
        let _ = tokio::task::spawn_blocking(Normalizer::warm_up).await;
        let face = FaceLayer {
            telemetry: self.telemetry.clone(),
            caller: Caller::anonymous(),
            answer_timeout: self.config.grpc.answer_timeout.0,
            drain: shutdown.drain.clone(),
        };
        let service = face.layer(routes);
        let telemetry = self.telemetry.clone();
        let scheduler = Scheduler::new(
            self.temp_pass.clone(),
            Arc::clone(&self.store.ledger),
            Arc::clone(&self.clock),
            Arc::new(move |schedule, outcome| report_run(&telemetry, schedule, outcome)),
        );
        let scheduling = tokio::spawn(scheduler.clone().run());
        let commands = admin::Services {
            client_registration: self.client_registration.clone(),
            scheduler,
            policy: Arc::clone(&self.policy),
        };
        let stop_commands = CancellationToken::new();
        let commands = tokio::spawn(self.admin.serve(commands, stop_commands.clone()));
        let works = report_store(&self.store, &self.health, &self.readiness, None).await;
        let watching =
            tokio::spawn(watch_store(self.store.clone(), self.health.clone(), self.readiness.clone(), works));
        let operations =
            tokio::spawn(operations::serve(self.operations, self.telemetry.clone(), self.readiness.clone()));
        let max_connections = self.config.grpc.max_connections;
        let acceptor = Acceptor::new(self.grpc, max_connections, shutdown.drain.clone());
        let serving = Serving { pool: &self.pool, shutdown: &shutdown, telemetry: &self.telemetry };
        let rest_acceptor =
            Acceptor::new(self.rest, self.config.rest.max_connections, shutdown.drain.clone());
        let rest_options = Http1Options { idle_timeout: self.config.rest.idle_timeout.0 };
        let mut accepting = Box::pin(async {
            tokio::join!(
                serving.http2(acceptor, service, http2_options(&self.config)),
                serving.http1(rest_acceptor, rest_service, rest_options),
            );
        });
        tokio::select! {
            () = &mut accepting => {}
            () = stop => {}
        }
        tracing::info!("draining");
        watching.abort();
        scheduling.abort();
        self.health.report_draining().await;
        self.readiness.set(Err("draining".to_owned()));
        let runtime = &self.config.runtime;
        tokio::select! {
            () = &mut accepting => {}
            () = tokio::time::sleep(runtime.drain_delay.0) => {}
        }
        shutdown.drain.cancel();
        accepting.as_mut().await;
        drop(accepting);
        end_calls(self.pool, &shutdown, runtime.drain_timeout.0).await;
        // They wait for nothing but the store, which answers or fails.
        self.registration.finish().await;
        self.temp_pass.finish().await;
        shutdown.cut.cancel();
        operations.abort();
        // They too use the store, and the socket must be gone before another server may have the folder.
        stop_commands.cancel();
        let _ = tokio::time::timeout(COMMANDS_END, commands).await;
        self.store.health.close().await?;
        tracing::info!("ended");
        Ok(())
    }
}

fn threads(config: &Config) -> usize {
    match config.runtime.threads {
        0 => std::thread::available_parallelism().map_or(1, Into::into),
        threads => threads,
    }
}

fn http2_options(config: &Config) -> Http2Options {
    Http2Options {
        max_streams: config.grpc.max_streams_per_connection,
        keepalive_interval: config.grpc.keepalive_interval.0,
        keepalive_timeout: config.grpc.keepalive_timeout.0,
    }
}

/// Says how the store is, again and again.
async fn watch_store(store: Store, health: HealthBoard, readiness: Readiness, mut works: bool) {
    loop {
        tokio::time::sleep(HEALTH_INTERVAL).await;
        works = report_store(&store, &health, &readiness, Some(works)).await;
    }
}

/// Says how the store is, where that differs from `before`, and returns whether it works.
async fn report_store(
    store: &Store,
    health: &HealthBoard,
    readiness: &Readiness,
    before: Option<bool>,
) -> bool {
    let checked = store.health.check().await;
    let works = checked.is_ok();
    if before != Some(works) {
        match &checked {
            Ok(()) if before.is_none() => {}
            Ok(()) => tracing::info!("the store works again"),
            Err(error) => tracing::error!(%error, "the store does not work"),
        }
        health.report_store(works).await;
    }
    readiness.set(checked.map_err(|error| error.to_string()));
    works
}

/// Logs and counts a run of a schedule.
fn report_run(telemetry: &Telemetry, schedule: &str, outcome: &Outcome) {
    let result = match outcome {
        Outcome::Done(_) => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Missed | Outcome::NotYet | Outcome::Running(_) => "missed",
    };
    telemetry.metrics().schedule_ran(schedule, result);
    match outcome {
        Outcome::Done(reset_count) => tracing::info!(schedule, reset_count, "a schedule has run"),
        Outcome::Failed(reason) => tracing::error!(schedule, %reason, "a schedule has failed"),
        _ => tracing::warn!(schedule, "a run was missed, and is too old to be made up"),
    }
}

async fn end_calls(pool: WorkerPool, shutdown: &Shutdown, limit: Duration) {
    let mut ended = tokio::task::spawn_blocking(move || pool.join());
    if tokio::time::timeout(limit, &mut ended).await.is_err() {
        tracing::warn!("calls that did not end in time are cut");
        shutdown.cut.cancel();
        let _ = ended.await;
    }
}
