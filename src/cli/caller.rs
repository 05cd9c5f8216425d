//! `passbridge caller`: creates configuration entries for gRPC callers.

use std::error::Error;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    auth::caller_token,
    domain::{
        caller::Permission,
        credential::TokenHash,
        error::Violations,
        id::{EnvironmentName, RequestorId},
        randomness::OsRandomness,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum CallerCommand {
    /// Create a token for a caller. Prints the token, which cannot be printed again, and the caller's configuration
    /// entry, which contains only the token's hash.
    New(NewCallerArgs),
}

#[derive(Debug, Args)]
pub(super) struct NewCallerArgs {
    /// Name that identifies the caller in the audit log and in failed-lookup budgets.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Requestor that the caller may act for. Repeat for several. Default: all.
    #[arg(long = "requestor", value_name = "ID")]
    requestors: Vec<String>,
    /// Environment that the caller may act in. Repeat for several. Default: all.
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// Permission of the caller, such as codes.create. Repeat for several. Default: device information only.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
}

/// The printed part of a configuration.
#[derive(Serialize)]
struct Entries {
    callers: [NewCallerEntry; 1],
}

/// A caller entry. Lists at their defaults are omitted.
#[derive(Serialize)]
struct NewCallerEntry {
    name: String,
    token_hash: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requestors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    environments: Vec<String>,
    permissions: Vec<String>,
}

pub(super) fn run(command: CallerCommand) -> Result<(), Box<dyn Error>> {
    let CallerCommand::New(NewCallerArgs { name, requestors, environments, permissions }) = command;
    let mut violations = Violations::default();
    for text in &requestors {
        violations.take(RequestorId::parse("--requestor", text));
    }
    for text in &environments {
        violations.take(EnvironmentName::parse("--environment", text));
    }
    for text in &permissions {
        violations.take(Permission::parse("--permission", text));
    }
    violations.none_or(()).map_err(|all| crate::domain::error::Error::InvalidFields(all).full_message())?;
    let token = caller_token::new(&OsRandomness)?;
    let token_hash = TokenHash::of(token.reveal()).to_string();
    let entry = NewCallerEntry { name, token_hash, requestors, environments, permissions };
    let entry = toml::to_string(&Entries { callers: [entry] })?;
    print!("{}\n\n{entry}", token.into_revealed());
    Ok(())
}
