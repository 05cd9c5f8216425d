//! The store that the configuration asks for.

use std::sync::Arc;

use crate::{
    auth::KeyRing,
    config::{Config, ConfigError, StoreKind},
    domain::{clock::SharedClock, error::Violation, port::Codes},
    store::embedded::{COMMIT_SECONDS_BOUNDS, EmbeddedOptions, EmbeddedStore, OpenError},
    telemetry::StoreReadings,
};

/// Opens the store that the configuration names.
pub(super) fn open(config: &Config, clock: &SharedClock) -> Result<EmbeddedStore, OpenError> {
    let StoreKind::Embedded = config.store.kind;
    EmbeddedStore::open(EmbeddedOptions {
        free_space_reserve: config.store.free_space_reserve.saturating_mul(1 << 20),
        ..EmbeddedOptions::new(&config.store.path, Arc::clone(clock))
    })
}

/// The key ring that the configuration names; an empty one where it names none.
pub(super) fn key_ring(config: &Config) -> Result<KeyRing, ConfigError> {
    let Some(file) = &config.store.key_ring else { return Ok(KeyRing::default()) };
    let read = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
    let parsed = read.and_then(|text| KeyRing::parse(&text));
    parsed.map_err(|text| {
        let violation = Violation::new("store.key_ring", format!("{}: {text}", file.display()));
        ConfigError { source: "values".to_owned(), violations: vec![violation] }
    })
}

/// What the store says of itself, for the metrics.
pub(super) fn readings(store: &EmbeddedStore) -> StoreReadings {
    let statistics = store.statistics();
    let bounds = COMMIT_SECONDS_BOUNDS.into_iter().chain([f64::INFINITY]);
    StoreReadings {
        commands: statistics.committed_commands,
        commit_seconds_sum: statistics.commit_seconds_sum,
        commit_seconds: bounds.zip(statistics.commit_seconds).collect(),
        queued: statistics.queue_depth as u64,
        live_codes: store.live_codes().into_iter().map(|(name, count)| (name.to_string(), count)).collect(),
    }
}
