//! `passbridge statement`: creates a software statement signed with this installation's key.

use std::{error::Error, path::Path};

use clap::Args;

use super::operate::{operate, perform};
use crate::{
    admin::{OperatorCommand, OperatorResponse, StatementCommand},
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    /// Requestor that the statement is valid for. Repeat for several.
    #[arg(long = "requestor", value_name = "ID", required_unless_present = "all_requestors")]
    requestors: Vec<String>,
    /// Make the statement valid for every present and future requestor.
    #[arg(long, conflicts_with = "requestors")]
    all_requestors: bool,
    #[command(flatten)]
    application: ApplicationArgs,
}

/// The options that `statement` and `token` share.
#[derive(Debug, Args)]
pub(super) struct ApplicationArgs {
    /// Environment that the statement is valid for. Repeat for several. Default: all.
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// Permission of the clients, such as codes.create. Repeat for several. Default: all except the two resets,
    /// temp_passes.reset and temp_passes.reset_all.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// Id of the application, as shown in records. Default: the statement's own id.
    #[arg(long, value_name = "ID", default_value = "")]
    software_id: String,
    /// Name of the application, as shown in records.
    #[arg(long, value_name = "NAME", default_value = "passbridge client")]
    client_name: String,
    /// Version of the application, as shown in records.
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    software_version: String,
}

impl ApplicationArgs {
    /// The first host of the environment, if exactly one environment is named. A local call selects its environment by
    /// host.
    pub(super) fn host(&self, config: &Config) -> Option<String> {
        let [environment] = &self.environments[..] else { return None };
        config.environments.get(environment)?.hosts.first().cloned()
    }

    pub(super) fn for_requestors(self, requestors: Vec<String>) -> StatementCommand {
        let Self { environments, permissions, software_id, client_name, software_version } = self;
        StatementCommand { requestors, environments, permissions, software_id, client_name, software_version }
    }
}

pub(super) fn run(statement: StatementArgs, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let command = statement.application.for_requestors(statement.requestors);
    println!("{}", operate(file, |config| async move { mint(&config, command).await })?);
    Ok(())
}

/// Creates a statement on the running server, or in this process if none runs.
pub(super) async fn mint(config: &Config, command: StatementCommand) -> Result<String, Box<dyn Error>> {
    match perform(config, OperatorCommand::MintStatement(command)).await? {
        OperatorResponse::Statement(statement) => Ok(statement.into_revealed()),
        OperatorResponse::Schedules(_)
        | OperatorResponse::Examined(_)
        | OperatorResponse::KeysRotated(_)
        | OperatorResponse::Done => Err("the running server returned no statement".into()),
    }
}
