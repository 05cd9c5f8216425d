//! Builds the use cases over one store: for a server, and for a command that runs without one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::{
    AppDependencies, StartError,
    doctor::{AccessDoctor, AccessSettings},
    issuers::IssuerFactory,
    store::{self, AuditDestination, OpenStore},
    upstreams::Upstreams,
};
use crate::{
    auth::SealedLedger,
    backend::{
        LocalBackend, LocalDependencies,
        upstream::{ShadowedCodes, UpstreamDependencies, release_leases},
    },
    config::{Auth, Grpc, ValidConfig, read_key_ring},
    domain::{
        clock::SharedClock, device_info::Normalizer, id::EnvironmentName, limit::LimitedResource,
        port::Store, randomness::SharedRandomness,
    },
    server::Detached,
    service::{
        ClientRegistrationService, EntitlementService, RegistrationService, TempPassService,
        audit::AuditLog,
        authentication::IssuerDependencies,
        backends::Backends,
        budget::LookupBudget,
        client_registration,
        device_memory::DeviceMemory,
        entitlement,
        master_key::MasterKey,
        operator::OperatorService,
        policy::{Policy, PresentPolicy, SharedPolicy},
        quota::Quota,
        registration, store_copy,
        temp_pass::{self, OnRun, Scheduler},
    },
    store::known_devices::KnownDevices,
    telemetry::Metrics,
};

/// How long shutdown waits for detached tasks that outlive their callers, since an upstream may be slow.
pub(super) const FINISH_MAX: Duration = Duration::from_secs(20);

/// The use cases and their shared parts.
pub(super) struct Services {
    pub policy: SharedPolicy,
    pub store: Store,
    pub clock: SharedClock,
    pub randomness: SharedRandomness,
    pub normalizer: Arc<Normalizer>,
    pub registration: RegistrationService,
    pub client_registration: ClientRegistrationService,
    pub temp_pass: TempPassService,
    pub entitlement: EntitlementService,
    pub upstreams: Arc<Upstreams>,
    pub issuers: Arc<IssuerFactory>,
    pub audit: AuditLog,
    secrets: Arc<SealedLedger>,
    key_ring: Option<PathBuf>,
    /// Applies the key ring rotations of other servers.
    _following: Option<AbortOnDropHandle<()>>,
    codes: Arc<ShadowedCodes>,
    /// Tasks that outlive their callers.
    pub detached: Detached,
}

impl Services {
    /// Builds the use cases over `open`, as configured.
    pub(super) async fn build(
        valid: &ValidConfig,
        dependencies: AppDependencies,
        open: &OpenStore,
        metrics: Option<Arc<Metrics>>,
    ) -> Result<Self, StartError> {
        let AppDependencies { clock, randomness, .. } = dependencies;
        let (store, clock) = (open.ports(), open.clock(&clock));
        let normalizer = Arc::new(Normalizer::new());
        let (config, policy) = (&valid.written, Policy::new(valid));
        let codes = ShadowedCodes::new(Arc::clone(&store.codes), &Handle::current());
        let store = Store { codes: codes.clone(), ..store };
        if store_copy::is_unfinished(&*store.ledger).await? {
            return Err(StartError::UnfinishedCopy);
        }
        if open.is_exclusive() {
            // The process that owned these leases has stopped.
            release_leases(&*store.ledger).await?;
        }
        let secrets = open_secrets(valid, &store, &randomness).await?;
        let following = (!open.is_exclusive()).then(|| {
            let (secrets, file) = (Arc::clone(&secrets), config.store.key_ring.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                let read = || read_key_ring(file.as_deref());
                if let Err(error) = secrets.follow_rotations(read).await {
                    tracing::error!(%error, "stopped following key ring rotations by other servers; restart this server after a rotation");
                }
            }))
        });
        let detached = Detached::default();
        let upstreams = Arc::new(Upstreams::new(UpstreamDependencies {
            ledger: Arc::clone(&store.ledger),
            limits: Arc::clone(&store.limits),
            secrets: Arc::clone(&secrets),
            codes: Arc::clone(&codes),
            code_format: policy.code_format.clone(),
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
            normalizer: Arc::clone(&normalizer),
            max_live_codes: policy.max_live_codes,
            metrics: metrics.clone(),
            tasks: detached.tasks.clone(),
        }));
        let issuers = Arc::new(IssuerFactory::new(IssuerDependencies {
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
            limits: Arc::clone(&store.limits),
        }));
        let backends = Backends::new(LocalBackend::over(LocalDependencies {
            store: store.clone(),
            code_format: policy.code_format.clone(),
            max_live_codes: policy.max_live_codes,
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
            normalizer: Arc::clone(&normalizer),
        }));
        let policy = upstreams.complete(policy, &valid.upstreams)?;
        let policy: SharedPolicy = Arc::new(PresentPolicy::new(policy));
        let master_key = Arc::new(MasterKey::load(&secrets, &*randomness).await?);
        let audit = store::audit_log(
            config,
            &clock,
            &store.limits,
            AuditDestination {
                stream: open.audit_stream(config.audit.stream_length),
                is_server: metrics.is_some(),
            },
            &master_key,
        )?;
        let client_registration =
            ClientRegistrationService::open(client_registration::ClientRegistrationDependencies {
                ledger: Arc::clone(&store.ledger),
                master_key,
                policy: Arc::clone(&policy),
                clock: Arc::clone(&clock),
                randomness: Arc::clone(&randomness),
            })
            .await?;
        let temp_pass = TempPassService::new(temp_pass::TempPassDependencies {
            backends: backends.clone(),
            policy: Arc::clone(&policy),
            audit: audit.clone(),
            batches: quota(&config.grpc, LimitedResource::Batches),
            tasks: detached.tasks.clone(),
        });
        let limits = &config.codes;
        let budget =
            LookupBudget::new(Arc::clone(&store.limits), limits.misses_per_viewer, limits.misses_per_caller);
        let devices = KnownDevices::new(Arc::clone(&secrets), Arc::clone(&store.ledger));
        let memory = DeviceMemory::new(Arc::new(devices), Arc::clone(&clock));
        let counts = Arc::new(EntitlementMetrics(metrics.clone()));
        let registration = RegistrationService::new(registration::RegistrationDependencies {
            store: store.clone(),
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
            backends: backends.clone(),
            memory: memory.clone(),
            budget,
            on_miss: Arc::new(move |environment| {
                if let Some(metrics) = &metrics {
                    metrics.code_lookup_missed(environment.as_str());
                }
            }),
            watches: quota(&config.grpc, LimitedResource::Watches),
            tasks: detached.tasks.clone(),
        });
        let entitlement = EntitlementService::new(entitlement::EntitlementDependencies {
            backends,
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock),
            registration: registration.clone(),
            memory,
            normalizer: Arc::clone(&normalizer),
            count: counts,
        });
        Ok(Self {
            policy,
            store,
            clock,
            randomness,
            normalizer,
            registration,
            client_registration,
            temp_pass,
            entitlement,
            upstreams,
            issuers,
            audit,
            secrets,
            key_ring: config.store.key_ring.clone(),
            _following: following,
            codes,
            detached,
        })
    }

    /// Waits for detached tasks. Call it after the last call has ended, and before the store is closed.
    pub(super) async fn finish(&self) {
        self.detached.tasks.close();
        if tokio::time::timeout(FINISH_MAX, self.detached.tasks.wait()).await.is_err() {
            tracing::warn!("upstream calls did not finish before the shutdown timeout; abandoning them");
        }
        if tokio::time::timeout(FINISH_MAX, self.codes.finish()).await.is_err() {
            tracing::error!("shadows of upstream codes were not written before the shutdown timeout");
        }
    }

    /// The scheduler. It runs schedules, or only reports their runs.
    pub(super) fn scheduler(&self, on_run: OnRun) -> Scheduler {
        Scheduler::new(
            self.temp_pass.clone(),
            Arc::clone(&self.store.ledger),
            Arc::clone(&self.clock),
            Arc::clone(&self.randomness),
            on_run,
        )
    }

    /// The use cases of commands. `access` returns the settings in effect of both faces.
    pub(super) fn for_commands(
        &self,
        scheduler: Scheduler,
        access: impl Fn() -> AccessSettings + Send + Sync + 'static,
    ) -> OperatorService {
        let (policy, clock) = (Arc::clone(&self.policy), Arc::clone(&self.clock));
        OperatorService {
            faces: Arc::new(AccessDoctor { access: Box::new(access), policy, clock }),
            client_registration: self.client_registration.clone(),
            scheduler,
            policy: Arc::clone(&self.policy),
            audit: self.audit.clone(),
            secrets: Arc::clone(&self.secrets),
            key_ring: self.key_ring.clone(),
        }
    }
}

/// Counts login events, if metrics are enabled.
struct EntitlementMetrics(Option<Arc<Metrics>>);

impl entitlement::EntitlementObserver for EntitlementMetrics {
    fn login_seen(&self, environment: &EnvironmentName) {
        if let Some(metrics) = &self.0 {
            metrics.login_seen(environment.as_str());
        }
    }

    fn decision_made(&self, environment: &EnvironmentName, is_permitted: bool) {
        if let Some(metrics) = &self.0 {
            metrics.decision_made(environment.as_str(), is_permitted);
        }
    }

    fn login_checked(&self, environment: &EnvironmentName, is_from_memory: bool) {
        if let Some(metrics) = &self.0 {
            metrics.profile_looked_up(environment.as_str(), is_from_memory);
        }
    }
}

/// The quota of open items of this kind. Without authentication all callers are one caller, which may use the whole
/// quota.
pub(super) fn quota(config: &Grpc, of: LimitedResource) -> Arc<Quota> {
    let limit = match of {
        LimitedResource::Watches => config.max_watches,
        LimitedResource::Batches => config.max_batches,
        LimitedResource::Connections => config.max_connections,
    };
    let share = match config.auth {
        Auth::None => 100,
        Auth::Callers => config.caller_share,
    };
    Quota::new(of, limit, share)
}

/// Opens the store's secrets, and checks that the key ring opens all of them. A secret that it did not open would be
/// treated as absent, and overwritten.
pub(super) async fn open_secrets(
    valid: &ValidConfig,
    store: &Store,
    randomness: &SharedRandomness,
) -> Result<Arc<SealedLedger>, StartError> {
    let (ledger, key_ring) = (Arc::clone(&store.ledger), Arc::clone(&valid.key_ring));
    let secrets = SealedLedger::new(ledger, key_ring, Arc::clone(randomness));
    let outdated = secrets.outdated().await.map_err(StartError::Secrets)?;
    if outdated > 0 {
        tracing::warn!(
            secrets = outdated,
            "some secrets are not sealed with the first key of the key ring; run `passbridge keys rotate`"
        );
    }
    Ok(Arc::new(secrets))
}
