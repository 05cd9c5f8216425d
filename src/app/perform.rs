//! What a command asks of an installation whose server does not run.

use std::sync::Arc;

use super::{StartError, Surroundings, reload::checked_policy, services::Services, store};
use crate::{
    admin::{self, Answer, Command},
    config::Config,
};

/// Opens the configured store, does what is asked, and closes it.
///
/// # Errors
/// Where the configuration or the store cannot be used, and whatever the command meets.
pub async fn perform(config: &Config, command: Command) -> Result<Answer, StartError> {
    let policy = checked_policy(config)?;
    let surroundings = Surroundings::default();
    let store = store::open(config, &surroundings.clock)?.ports();
    let services = Services::build(config, policy, surroundings, store.clone(), None).await?;
    // It only tells when schedules have run.
    let scheduler = services.scheduler(Arc::new(|_, _| {}));
    let answer = admin::perform(&services.for_commands(scheduler), command).await;
    services.finish().await;
    store.health.close().await?;
    answer.map_err(StartError::Command)
}
