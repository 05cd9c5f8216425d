//! Opens the configured store.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::{AppDependencies, StartError};
use crate::{
    admin,
    config::{self, Audit, AuditTarget, Config, StoreKind, ValidConfig, ValidEngine},
    domain::{
        clock::SharedClock,
        error::StoreError,
        port::{AuditSink, Limits, Store},
        secret::SecretText,
    },
    service::{audit::AuditLog, master_key::MasterKey},
    store::{
        audit_lines::AuditLines,
        embedded::{COMMIT_SECONDS_BOUNDS, EmbeddedOptions, EmbeddedStore, OpenError},
        redis::{EngineTls, Node, RedisOptions, RedisStore},
    },
    telemetry::StoreReadings,
};

/// How long to wait for a data folder that a command holds, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The interval between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The audit log's file name in the data folder.
const AUDIT_FILE: &str = "audit.log";

/// An open store.
#[derive(Clone)]
pub(super) enum OpenStore {
    Embedded(EmbeddedStore),
    Redis(RedisStore),
}

impl OpenStore {
    /// Opens the configured store for a server. If a command holds the data folder, waits until it is done.
    pub(super) async fn open_for_server(
        valid: &ValidConfig,
        dependencies: &AppDependencies,
    ) -> Result<Self, StartError> {
        let (path, clock) = (&valid.written.store.path, &dependencies.clock);
        let start = clock.instant();
        let mut waits = false;
        loop {
            let opened = Self::open(valid, dependencies).await;
            let may_wait = clock.instant().since(start) < PATIENCE;
            // A server holds the data folder for as long as it runs, so waiting is pointless.
            let is_in_use = matches!(opened, Err(StartError::Store(OpenError::InUse(_))));
            if !is_in_use || !may_wait || admin::is_served(path).await {
                return opened;
            }
            if !std::mem::replace(&mut waits, true) {
                tracing::info!(data = %path.display(), "waiting for the data folder; another process uses it");
            }
            clock.sleep(PAUSE).await;
        }
    }

    /// Opens the configured store.
    pub(super) async fn open(
        valid: &ValidConfig,
        dependencies: &AppDependencies,
    ) -> Result<Self, StartError> {
        match &valid.engine {
            None => Ok(Self::Embedded(open_embedded(&valid.written, &dependencies.clock)?)),
            Some(engine) => {
                let options = redis_options(&valid.written, engine, dependencies);
                Ok(Self::Redis(RedisStore::open(options).await?))
            }
        }
    }

    /// The store's ports.
    pub(super) fn ports(&self) -> Store {
        match self {
            Self::Embedded(store) => store.ports(),
            Self::Redis(store) => store.ports(),
        }
    }

    /// The clock of the use cases. On an engine that replicas share, it is the engine's clock.
    pub(super) fn clock(&self, own: &SharedClock) -> SharedClock {
        match self {
            Self::Embedded(_) => Arc::clone(own),
            Self::Redis(store) => store.clock(),
        }
    }

    /// Whether no other process can use the store.
    pub(super) fn is_exclusive(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// The store's readings for the metrics.
    pub(super) async fn readings(self) -> StoreReadings {
        let live_codes = self.ports().codes.live_codes().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot count live codes; the metrics omit them");
            Vec::new()
        });
        let live_codes = live_codes.into_iter().map(|(name, count)| (name.to_string(), count)).collect();
        let Self::Embedded(store) = self else {
            return StoreReadings { live_codes, ..StoreReadings::default() };
        };
        let statistics = store.statistics();
        let bounds = COMMIT_SECONDS_BOUNDS.into_iter().chain([f64::INFINITY]);
        StoreReadings {
            commands: statistics.committed_commands,
            commit_seconds_sum: statistics.commit_seconds_sum,
            commit_seconds: bounds.zip(statistics.commit_seconds).collect(),
            queued: statistics.queue_depth as u64,
            live_codes,
        }
    }
}

fn open_embedded(config: &Config, clock: &SharedClock) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(EmbeddedOptions {
        free_space_reserve: config.store.free_space_reserve.saturating_mul(1 << 20),
        ..EmbeddedOptions::new(&config.store.path, Arc::clone(clock))
    })
}

fn redis_options(config: &Config, engine: &ValidEngine, dependencies: &AppDependencies) -> RedisOptions {
    let config::StoreConfig { username, password_file, wait_replicas, .. } = &config.store;
    let nodes = engine.nodes.iter().map(|(host, port)| Node { host: host.clone(), port: *port }).collect();
    let tls = engine.tls.clone().map(|tls| EngineTls {
        ca: tls.ca.map(String::into_bytes),
        client: tls.client.map(|(certificate, key)| (certificate.into_bytes(), key.into_bytes())),
    });
    let AppDependencies { clock, randomness, .. } = dependencies;
    RedisOptions {
        database: engine.database,
        tls,
        username: username.clone(),
        password: password_file.clone().map(|file| Arc::new(move || read_password(&file)) as _),
        wait_replicas: *wait_replicas,
        wait_timeout: config.store.wait_timeout.0,
        connect_timeout: config.store.connect_timeout.0,
        response_timeout: config.store.response_timeout.0,
        max_in_flight: config.store.max_in_flight as usize,
        ..RedisOptions::new(nodes, Arc::clone(clock), Arc::clone(randomness))
    }
}

/// The password in a file, without trailing line terminators.
fn read_password(file: &PathBuf) -> Result<SecretText, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// The memory of this process that a live code takes in the configured store, in bytes.
pub(super) fn bytes_per_code(config: &Config) -> u64 {
    match config.store.kind {
        StoreKind::Embedded => EmbeddedStore::BYTES_PER_CODE,
        StoreKind::Redis => 0,
    }
}

/// The audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened.
    #[error("audit.file: cannot write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The writer thread cannot be started.
    #[error("audit.to: cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The store has no stream.
    #[error("audit.to: {0}")]
    Stream(StoreError),
}

/// What determines the audit log's destination beside the configuration.
pub(super) struct AuditDestination {
    /// The store's own stream, if it has one.
    pub stream: Option<Arc<dyn AuditSink>>,
    /// Whether this process is a server. The standard output of a command is its answer, so its entries go to standard
    /// error.
    pub is_server: bool,
}

/// The configured audit log.
pub(super) fn audit_log(
    config: &Config,
    clock: &SharedClock,
    limits: &Arc<dyn Limits>,
    place: AuditDestination,
    master_key: &MasterKey,
) -> Result<AuditLog, AuditError> {
    let sink = match config.audit.enabled {
        true => Some(audit_sink(config, place)?),
        false => None,
    };
    Ok(AuditLog::new(Arc::clone(clock), master_key.audit_key(), Arc::clone(limits), sink))
}

fn audit_sink(config: &Config, place: AuditDestination) -> Result<Arc<dyn AuditSink>, AuditError> {
    let Audit { file, max_size, kept, .. } = &config.audit;
    match config.audit.target(&config.store) {
        AuditTarget::File => {
            let path = file.clone().unwrap_or_else(|| config.store.path.join(AUDIT_FILE));
            let opened = AuditLines::to_file(&path, max_size.saturating_mul(1 << 20), *kept);
            Ok(Arc::new(opened.map_err(|source| AuditError::File { path, source })?))
        }
        AuditTarget::Stdout => {
            let lines =
                if place.is_server { AuditLines::to(io::stdout()) } else { AuditLines::to(io::stderr()) };
            Ok(Arc::new(lines.map_err(AuditError::Stdout)?))
        }
        AuditTarget::Stream => place.stream.ok_or_else(|| {
            AuditError::Stream(StoreError::Unavailable("this kind of store has no audit stream".to_owned()))
        }),
    }
}

impl OpenStore {
    /// The store's stream for the audit log, limited to about `length` entries, if it has one.
    pub(super) fn audit_stream(&self, length: u64) -> Option<Arc<dyn AuditSink>> {
        match self {
            Self::Embedded(_) => None,
            Self::Redis(store) => Some(Arc::new(store.audit_stream(length))),
        }
    }
}
