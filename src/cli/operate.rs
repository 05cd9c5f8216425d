//! Shared code of the commands that operate on an installation.

use std::{env, error::Error, future::Future, path::Path, time::Duration};

use tokio::runtime::Builder;

use crate::{
    admin::{self, OperatorCommand, OperatorResponse},
    app::{self, StartError},
    config::{self, Config, StoreKind},
    domain::call::Deadline,
    store::embedded::OpenError,
};

/// Loads the configuration and runs a command's work with it.
pub(super) fn operate<T, F>(file: Option<&Path>, work: impl FnOnce(Config) -> F) -> Result<T, Box<dyn Error>>
where
    F: Future<Output = Result<T, Box<dyn Error>>>,
{
    let config = config::load(file, env::vars_os())?;
    Builder::new_current_thread().enable_all().build()?.block_on(work(config))
}

/// How long to wait for a data folder that is in use while no server answers. The owner is a server that is starting or
/// stopping, or another command.
const PATIENCE: Duration = Duration::from_secs(10);

/// The interval between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends the command to the server that runs on the configured data folder. If none runs, or if the store is shared,
/// opens the store and performs the command in this process.
pub(super) async fn perform(
    config: &Config,
    command: OperatorCommand,
) -> Result<OperatorResponse, Box<dyn Error>> {
    if config.store.kind != StoreKind::Embedded {
        return Ok(app::perform(config, command).await?);
    }
    let end = Deadline::after(PATIENCE);
    loop {
        if let Some(answer) = admin::ask(&config.store.path, &command).await? {
            return Ok(answer);
        }
        match app::perform(config, command.clone()).await {
            Err(StartError::Store(OpenError::InUse(_))) if !end.time_left().is_zero() => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}
