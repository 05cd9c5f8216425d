//! The store that the configuration asks for.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    admin,
    config::{Audit, Config, StoreKind},
    domain::{
        clock::SharedClock,
        port::{AuditSink, Codes, Limits},
    },
    service::{audit::AuditLog, master_key::MasterKey},
    store::{
        audit_file::AuditFile,
        embedded::{COMMIT_SECONDS_BOUNDS, EmbeddedOptions, EmbeddedStore, OpenError},
    },
    telemetry::StoreReadings,
};

/// How long to wait for a folder that a command holds, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(50);

/// The audit log's name in the data folder.
const AUDIT_FILE: &str = "audit.log";

/// Opens the store that the configuration names for a server: where a command holds the folder, as soon as it is done.
pub(super) async fn open_for_server(
    config: &Config,
    clock: &SharedClock,
) -> Result<EmbeddedStore, OpenError> {
    let path = &config.store.path;
    let start = clock.instant();
    let mut waits = false;
    loop {
        let opened = open(config, clock);
        let may_wait = clock.instant().since(start) < PATIENCE;
        // A server keeps the folder for as long as it runs.
        if !matches!(opened, Err(OpenError::InUse(_))) || !may_wait || admin::is_served(path).await {
            return opened;
        }
        if !std::mem::replace(&mut waits, true) {
            tracing::info!(data = %path.display(), "waiting for the data folder, which another process uses");
        }
        clock.sleep(PAUSE).await;
    }
}

/// Opens the store that the configuration names.
pub(super) fn open(config: &Config, clock: &SharedClock) -> Result<EmbeddedStore, OpenError> {
    let StoreKind::Embedded = config.store.kind;
    EmbeddedStore::open(EmbeddedOptions {
        free_space_reserve: config.store.free_space_reserve.saturating_mul(1 << 20),
        ..EmbeddedOptions::new(&config.store.path, Arc::clone(clock))
    })
}

/// How much memory a live code takes in the store that the configuration names, in bytes.
pub(super) fn bytes_per_code(config: &Config) -> u64 {
    let StoreKind::Embedded = config.store.kind;
    EmbeddedStore::BYTES_PER_CODE
}

/// The audit log's file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("audit.file: {} cannot be written: {source}", path.display())]
pub struct AuditError {
    path: PathBuf,
    source: io::Error,
}

/// The audit log that the configuration asks for.
pub(super) fn audit_log(
    config: &Config,
    clock: &SharedClock,
    limits: &Arc<dyn Limits>,
    master_key: &MasterKey,
) -> Result<AuditLog, AuditError> {
    let Audit { enabled, file, max_size, kept } = &config.audit;
    let open = || {
        let path = file.clone().unwrap_or_else(|| config.store.path.join(AUDIT_FILE));
        let opened = AuditFile::open(&path, max_size.saturating_mul(1 << 20), *kept);
        opened.map_err(|source| AuditError { path, source })
    };
    let sink: Option<Arc<dyn AuditSink>> = if *enabled { Some(Arc::new(open()?)) } else { None };
    Ok(AuditLog::new(Arc::clone(clock), master_key.audit_key(), Arc::clone(limits), sink))
}

/// What the store says of itself, for the metrics.
pub(super) async fn readings(store: EmbeddedStore) -> StoreReadings {
    let statistics = store.statistics();
    let bounds = COMMIT_SECONDS_BOUNDS.into_iter().chain([f64::INFINITY]);
    let live_codes = store.live_codes().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "live codes cannot be counted, and are missing in the metrics");
        Vec::new()
    });
    StoreReadings {
        commands: statistics.committed_commands,
        commit_seconds_sum: statistics.commit_seconds_sum,
        commit_seconds: bounds.zip(statistics.commit_seconds).collect(),
        queued: statistics.queue_depth as u64,
        live_codes: live_codes.into_iter().map(|(name, count)| (name.to_string(), count)).collect(),
    }
}
