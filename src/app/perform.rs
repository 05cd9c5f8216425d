//! What a command asks of an installation whose server does not run.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{StartError, Surroundings, reload::checked_policy, store};
use crate::{
    admin::{self, Answer, Command, Services},
    config::Config,
    service::{ClientRegistrationService, client_registration, master_key::MasterKey},
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
        master_key,
        policy: Arc::clone(&policy),
        clock,
        randomness,
    })
    .await?;
    let answer = admin::perform(&Services { client_registration, policy }, command).await;
    store.health.close().await?;
    answer.map_err(StartError::Command)
}
