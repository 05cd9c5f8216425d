//! `passbridge revoke`: revokes statements, clients, or everything issued before a point in time.

use std::{error::Error, path::Path, time::UNIX_EPOCH};

use clap::Args;

use super::operate::{operate, perform};
use crate::{
    admin::{OperatorCommand, RevokeCommand},
    domain::secret::SecretText,
};

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct RevokeArgs {
    /// Software statement to revoke, or its id (`jti`), together with its clients and their tokens.
    #[arg(long, value_name = "STATEMENT")]
    statement: Option<SecretText>,
    /// Client id to revoke, together with its tokens.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Revoke all client ids and access tokens issued before this time (RFC 3339, or `now`). Software statements stay
    /// valid, so devices register again on their own.
    #[arg(long, value_name = "TIME", value_parser = time)]
    issued_before: Option<RevocationTime>,
}

pub(super) fn run(revoke: RevokeArgs, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let command = match revoke {
        RevokeArgs { statement: Some(statement), .. } => RevokeCommand::Statement(statement),
        RevokeArgs { client: Some(client), .. } => RevokeCommand::Client(client),
        RevokeArgs { issued_before, .. } => {
            RevokeCommand::IssuedBefore(issued_before.and_then(|moment| moment.0))
        }
    };
    operate(file, |config| async move { perform(&config, OperatorCommand::Revoke(command)).await })?;
    println!("revoked");
    Ok(())
}

/// Milliseconds since the Unix epoch. `None` is the current time of the process that performs the command.
#[derive(Debug, Clone, Copy)]
struct RevocationTime(Option<u64>);

fn time(text: &str) -> Result<RevocationTime, String> {
    if text == "now" {
        return Ok(RevocationTime(None));
    }
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|error| format!("{error}; expected a time such as 2026-01-31T12:00:00Z, or `now`"))?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| "is before 1970".to_owned())?;
    u64::try_from(since.as_millis())
        .map(|millis| RevocationTime(Some(millis)))
        .map_err(|error| error.to_string())
}
