//! The use cases, put together over one store: for a server, and for commands where none runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{StartError, Surroundings, store};
use crate::{
    config::Config,
    domain::{clock::SharedClock, device_info::Normalizer, port::Store},
    service::{
        ClientRegistrationService, RegistrationService, TempPassService,
        budget::LookupBudget,
        client_registration,
        master_key::MasterKey,
        policy::{Policy, SharedPolicy},
        registration,
        temp_pass::{self, OnRun, Scheduler},
    },
};

/// The use cases, and what they share.
pub(super) struct Services {
    pub policy: SharedPolicy,
    pub store: Store,
    pub clock: SharedClock,
    pub normalizer: Arc<Normalizer>,
    pub registration: RegistrationService,
    pub client_registration: ClientRegistrationService,
    pub temp_pass: TempPassService,
}

impl Services {
    /// Over `store`, with this policy. Creates and resets whose callers leave finish on the runtime that this runs on.
    pub async fn build(
        config: &Config,
        policy: Policy,
        surroundings: Surroundings,
        store: Store,
    ) -> Result<Self, StartError> {
        let Surroundings { clock, randomness } = surroundings;
        let policy: SharedPolicy = Arc::new(ArcSwap::from_pointee(policy));
        let normalizer = Arc::new(Normalizer::new());
        let key_ring = store::key_ring(config)?;
        let master_key = Arc::new(MasterKey::load(&*store.ledger, &key_ring, &*randomness).await?);
        let audit = store::audit_log(config, &clock, &master_key)?;
        let client_registration = ClientRegistrationService::open(client_registration::Parts {
            ledger: Arc::clone(&store.ledger),
            master_key,
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock),
            randomness: Arc::clone(&randomness),
        })
        .await?;
        let temp_pass = TempPassService::new(temp_pass::Parts {
            trials: Arc::clone(&store.trials),
            policy: Arc::clone(&policy),
            randomness: Arc::clone(&randomness),
            audit,
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
        Ok(Self { policy, store, clock, normalizer, registration, client_registration, temp_pass })
    }

    /// What runs the schedules, or only knows when they have run.
    pub fn scheduler(&self, on_run: OnRun) -> Scheduler {
        Scheduler::new(
            self.temp_pass.clone(),
            Arc::clone(&self.store.ledger),
            Arc::clone(&self.clock),
            on_run,
        )
    }

    /// What commands work with.
    pub fn for_commands(&self, scheduler: Scheduler) -> crate::admin::Services {
        crate::admin::Services {
            client_registration: self.client_registration.clone(),
            scheduler,
            policy: Arc::clone(&self.policy),
        }
    }
}
