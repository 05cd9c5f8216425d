//! What a command asks of an installation whose server does not run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{StartError, Surroundings, reload::checked_policy, store};
use crate::{
    admin::{self, Answer, Command, Services},
    config::Config,
    service::{
        ClientRegistrationService, TempPassService,
        audit::AuditLog,
        client_registration,
        master_key::MasterKey,
        temp_pass::{self, Scheduler},
    },
};

/// Opens the configured store, does what is asked, and closes it.
///
/// # Errors
/// Where the configuration or the store cannot be used, and whatever the command meets.
pub async fn perform(config: &Config, command: Command) -> Result<Answer, StartError> {
    let policy = Arc::new(ArcSwap::from_pointee(checked_policy(config)?));
    let Surroundings { clock, randomness } = Surroundings::default();
    let store = store::open(config, &clock)?.ports();
    let key_ring = store::key_ring(config)?;
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
        randomness,
        // No command resets anything.
        audit: AuditLog::new(Arc::clone(&clock), master_key.audit_key(), None),
        runtime: Handle::current(),
    });
    // It only tells when schedules have run.
    let scheduler = Scheduler::new(temp_pass, Arc::clone(&store.ledger), clock, Arc::new(|_, _| {}));
    let answer = admin::perform(&Services { client_registration, scheduler, policy }, command).await;
    store.health.close().await?;
    answer.map_err(StartError::Command)
}
