//! Performs a command on an installation whose server does not run.

use std::sync::Arc;

use super::{AppDependencies, StartError, doctor::AccessSettings, services::Services, store::OpenStore};
use crate::{
    config::{Config, ValidConfig},
    service::operator::{Operator, OperatorCommand, OperatorResponse},
};

/// Opens the configured store, performs the command, and closes the store.
///
/// # Errors
/// If the configuration or the store is unusable, or the command fails.
pub async fn perform(config: &Config, command: OperatorCommand) -> Result<OperatorResponse, StartError> {
    let valid = ValidConfig::read(config.clone())?;
    let access = AccessSettings::of(&valid)?;
    let dependencies = AppDependencies::default();
    let open = OpenStore::open(&valid, &dependencies).await?;
    let (services, store) = (Services::build(&valid, dependencies, &open, None).await?, open.ports());
    // This scheduler only reports the runs of schedules; it does not run them.
    let scheduler = services.scheduler(Arc::new(|_, _| {}));
    let operator = Operator::by_command(rustix::process::getuid().as_raw());
    let answer = services.for_commands(scheduler, move || access.clone()).perform(&operator, command).await;
    services.finish().await;
    store.health.close().await?;
    answer.map_err(StartError::Command)
}
