//! `passbridge statement`: a software statement, signed by this installation's own key.

use std::{error::Error, path::Path};

use clap::Args;

use super::operate::{operate, perform};
use crate::{
    admin::{Answer, Command, StatementCommand},
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Statement {
    /// A requestor that the statement is for; repeat it for more.
    #[arg(long = "requestor", value_name = "ID", required_unless_present = "all_requestors")]
    requestors: Vec<String>,
    /// Every requestor, present and future.
    #[arg(long, conflicts_with = "requestors")]
    all_requestors: bool,
    #[command(flatten)]
    application: Application,
}

/// What `statement` and `token` have in common.
#[derive(Debug, Args)]
pub(super) struct Application {
    /// An environment that the statement is for; repeat it for more, leave it out for all.
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// What its clients may do, such as codes.create; repeat it for more. Left out, everything but
    /// the two resets, temp_passes.reset and temp_passes.reset_all.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// The application's id, as records show it; the statement's own id where left out.
    #[arg(long, value_name = "ID", default_value = "")]
    software_id: String,
    /// The application's name, as records show it.
    #[arg(long, value_name = "NAME", default_value = "passbridge client")]
    client_name: String,
    /// The application's version, as records show it.
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    software_version: String,
}

impl Application {
    /// A host of the one environment that is named: by that a local call means it.
    pub(super) fn host(&self, config: &Config) -> Option<String> {
        let [environment] = &self.environments[..] else { return None };
        config.environments.get(environment)?.hosts.first().cloned()
    }

    pub(super) fn for_requestors(self, requestors: Vec<String>) -> StatementCommand {
        let Self { environments, permissions, software_id, client_name, software_version } = self;
        StatementCommand { requestors, environments, permissions, software_id, client_name, software_version }
    }
}

pub(super) fn run(statement: Statement, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let command = statement.application.for_requestors(statement.requestors);
    println!("{}", operate(file, |config| async move { mint(&config, command).await })?);
    Ok(())
}

/// Has a statement minted by the server that runs, or by its folder.
pub(super) async fn mint(config: &Config, command: StatementCommand) -> Result<String, Box<dyn Error>> {
    match perform(config, Command::MintStatement(command)).await? {
        Answer::Statement(statement) => Ok(statement.into_revealed()),
        Answer::Schedules(_) | Answer::Examined(_) | Answer::KeysRotated(_) | Answer::Done => {
            Err("the running server minted nothing".into())
        }
    }
}
