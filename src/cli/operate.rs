//! What commands have in common that ask an installation for something.

use std::{env, error::Error, future::Future, path::Path, time::Duration};

use tokio::runtime::Builder;

use crate::{
    admin::{self, Answer, Command},
    app::{self, StartError},
    config::{self, Config, StoreKind},
    domain::call::Deadline,
    store::embedded::OpenError,
};

/// Runs a command's work with the configuration.
pub(super) fn operate<T, F>(file: Option<&Path>, work: impl FnOnce(Config) -> F) -> Result<T, Box<dyn Error>>
where
    F: Future<Output = Result<T, Box<dyn Error>>>,
{
    let config = config::load(file, env::vars_os())?;
    Builder::new_current_thread().enable_all().build()?.block_on(work(config))
}

/// How long to wait for a folder that is in use without a server that answers: one that is about to serve commands or has
/// just stopped doing so, or another command.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks the server that runs over the configured data folder; where none runs, and over a store that servers share, opens the
/// store and does it here.
pub(super) async fn perform(config: &Config, command: Command) -> Result<Answer, Box<dyn Error>> {
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
