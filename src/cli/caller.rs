//! `passbridge caller`: entries for callers of gRPC.

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
pub(super) enum Caller {
    /// Make a token for a caller: prints it, which nobody can do again, and below it the entry for the configuration, which
    /// holds only its hash.
    New(New),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The name by which the audit log and budgets know the caller.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A requestor that it may act for; repeat it for more, leave it out for all.
    #[arg(long = "requestor", value_name = "ID")]
    requestors: Vec<String>,
    /// An environment that it may act in; repeat it for more, leave it out for all.
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// What it may do, such as codes.create; repeat it for more. Left out, only device information is for it.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
}

/// The part of a configuration that is printed.
#[derive(Serialize)]
struct Entries {
    callers: [Entry; 1],
}

/// An entry without the keys that would say no more than their absence does.
#[derive(Serialize)]
struct Entry {
    name: String,
    token_hash: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requestors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    environments: Vec<String>,
    permissions: Vec<String>,
}

pub(super) fn run(command: Caller) -> Result<(), Box<dyn Error>> {
    let Caller::New(New { name, requestors, environments, permissions }) = command;
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
    let entry = Entry { name, token_hash, requestors, environments, permissions };
    let entry = toml::to_string(&Entries { callers: [entry] })?;
    print!("{}\n\n{entry}", token.into_revealed());
    Ok(())
}
