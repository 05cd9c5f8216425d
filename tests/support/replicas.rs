//! Use cases with one store and one provider, like several servers with a shared store.

use std::sync::Arc;

use passbridge::{
    auth::SealedLedger,
    backend::{
        LocalBackend, LocalDependencies,
        upstream::{RegisteredStatement, ShadowedCodes, Upstream, UpstreamDependencies},
    },
    config::{Config, ValidConfig},
    domain::{
        clock::{ManualClock, Timestamp},
        device_info::Normalizer,
        limit::LimitedResource,
        port::Store,
        randomness::OsRandomness,
    },
    service::{
        RegistrationService,
        backends::Backends,
        budget::LookupBudget,
        device_memory::DeviceMemory,
        policy::{Place, Policy, PresentPolicy},
        quota::Quota,
        registration::RegistrationDependencies,
    },
    store::{
        embedded::{EmbeddedOptions, EmbeddedStore},
        known_devices::KnownDevices,
    },
};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// The shared parts of replicas.
pub struct Replicas {
    pub store: Store,
    /// The clock of the store, and of replicas without their own.
    pub clock: Arc<ManualClock>,
    /// The detached tasks, which outlive their callers.
    pub tasks: TaskTracker,
    config: ValidConfig,
    _folder: TempDir,
}

impl Replicas {
    /// Creates replicas with this configuration and time. Every file that the configuration names contains
    /// `statement`.
    pub fn new(config: Config, statement: &'static str, start: Timestamp) -> Self {
        let files = config.environments.values().filter_map(|environment| {
            environment.software_statement_file.clone().map(|file| (file, statement))
        });
        let config = ValidConfig::new(config.clone(), &files.collect()).expect("valid");
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(start);
        let options =
            EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
        let store = EmbeddedStore::open(options).expect("opens").ports();
        Self { store, clock, tasks: TaskTracker::new(), config, _folder: folder }
    }

    /// Returns a requestor in the default environment.
    pub fn place(&self, requestor: &str) -> Place {
        let place = Policy::new(&self.config).place(("environment", "default"), ("requestor_id", requestor));
        place.expect("valid")
    }

    /// Creates a replica's upstream of the default environment, with this clock.
    pub fn upstream(&self, clock: &Arc<ManualClock>) -> Upstream {
        let policy = Policy::new(&self.config);
        let parts = UpstreamDependencies {
            ledger: Arc::clone(&self.store.ledger),
            limits: Arc::clone(&self.store.limits),
            secrets: Arc::new(SealedLedger::new(
                Arc::clone(&self.store.ledger),
                Arc::clone(&self.config.key_ring),
                Arc::new(OsRandomness),
            )),
            codes: ShadowedCodes::new(Arc::clone(&self.store.codes), &Handle::current()),
            code_format: policy.code_format.clone(),
            clock: clock.clone(),
            randomness: Arc::new(OsRandomness),
            normalizer: Arc::new(Normalizer::new()),
            max_live_codes: policy.max_live_codes,
            metrics: None,
            tasks: self.tasks.clone(),
        };
        let (name, upstream) = self.config.upstreams.first_key_value().expect("has an upstream");
        let statement = RegisteredStatement::from(&upstream.software_statement);
        Upstream::new(name.clone(), upstream.options.clone(), statement, parts).expect("a client")
    }

    /// Creates a replica's use cases for codes.
    pub fn replica(&self) -> RegistrationService {
        let (name, _) = self.config.upstreams.first_key_value().expect("has an upstream");
        let policy = Policy::new(&self.config).with_upstream(name, self.upstream(&self.clock).backends());
        let local = LocalBackend::over(LocalDependencies {
            store: self.store.clone(),
            code_format: policy.code_format.clone(),
            max_live_codes: policy.max_live_codes,
            clock: self.clock.clone(),
            randomness: Arc::new(OsRandomness),
            normalizer: Arc::new(Normalizer::new()),
        });
        let secrets =
            SealedLedger::new(Arc::clone(&self.store.ledger), Arc::default(), Arc::new(OsRandomness));
        let devices = Arc::new(KnownDevices::new(Arc::new(secrets), Arc::clone(&self.store.ledger)));
        RegistrationService::new(RegistrationDependencies {
            store: self.store.clone(),
            policy: Arc::new(PresentPolicy::new(policy)),
            clock: self.clock.clone(),
            randomness: Arc::new(OsRandomness),
            backends: Backends::new(local),
            memory: DeviceMemory::new(devices, self.clock.clone()),
            budget: LookupBudget::new(Arc::clone(&self.store.limits), 10, 600),
            on_miss: Arc::new(|_| {}),
            watches: Quota::new(LimitedResource::Watches, 1, 100),
            tasks: self.tasks.clone(),
        })
    }
}
