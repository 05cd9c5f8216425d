//! What commands have in common that ask an installation for something.

use std::{env, error::Error, future::Future, path::Path};

use tokio::runtime::Builder;

use crate::{
    admin::{self, Answer, Command},
    app,
    config::{self, Config},
};

/// Runs a command's work with the configuration.
pub(super) fn operate<T, F>(file: Option<&Path>, work: impl FnOnce(Config) -> F) -> Result<T, Box<dyn Error>>
where
    F: Future<Output = Result<T, Box<dyn Error>>>,
{
    let config = config::load(file, env::vars_os())?;
    Builder::new_current_thread().enable_all().build()?.block_on(work(config))
}

/// Asks the server that runs over the configured data folder; where none runs, opens the folder and does it here.
pub(super) async fn perform(config: &Config, command: Command) -> Result<Answer, Box<dyn Error>> {
    match admin::ask(&config.store.path, &command).await? {
        Some(answer) => Ok(answer),
        None => Ok(app::perform(config, command).await?),
    }
}
