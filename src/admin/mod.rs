//! What operators ask of an installation by commands. A running server is asked over a Unix socket in its data folder;
//! where none runs, the command opens the folder and does the same itself. Either way it is [`perform`] that does it.

mod client;
mod server;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::APPLICATION_TEXT_MAX,
    domain::{
        backend::{Examination, Finding},
        caller::Permission,
        clock::Timestamp,
        error::{Error, Result, Violation, Violations},
        id::{EnvironmentName, RequestorId},
        registration::{SourceApplication, UpstreamApi},
        secret::SecretText,
    },
    service::{
        ClientRegistrationService,
        client_registration::MintStatement,
        policy::{Policy, SharedPolicy},
        temp_pass::{Outcome, ScheduleStatus, Scheduler},
    },
};

pub use client::{AdminError, ask, is_served};
pub use server::{AdminListener, BindSocketError};

/// The socket's name in the data folder.
const SOCKET: &str = "admin.sock";

/// Where the server over this data folder listens.
fn socket_path(data: &std::path::Path) -> PathBuf {
    data.join(SOCKET)
}

/// What commands work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The use cases around registered clients.
    pub client_registration: ClientRegistrationService,
    /// What runs the schedules, or knows when they have run.
    pub scheduler: Scheduler,
    /// What the operator configured.
    pub policy: SharedPolicy,
}

/// A schedule, in the words of the command line. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleLine {
    /// Its name.
    pub name: String,
    /// When it last was due.
    pub last: Option<u64>,
    /// What came of that.
    pub result: String,
    /// When it is due next.
    pub next: Option<u64>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Sign a software statement.
    MintStatement(StatementCommand),
    /// Take back what was issued.
    Revoke(RevokeCommand),
    /// Tell of the schedules.
    ListSchedules,
    /// Examine upstreams.
    Examine(ExamineCommand),
}

/// Which upstreams to examine, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamineCommand {
    /// The environment; every one that has an upstream where left out.
    pub environment: Option<String>,
    /// For which requestor to make a code, and delete it; none is made where left out.
    pub create_for: Option<String>,
}

/// What was found about an environment's upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// The environment.
    pub environment: String,
    /// The steps, in order.
    pub findings: Vec<Finding>,
}

/// A statement, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementCommand {
    /// The requestors; none means all.
    pub requestors: Vec<String>,
    /// The environments; none means all.
    pub environments: Vec<String>,
    /// What its clients may do; none leaves that to the configuration.
    pub permissions: Vec<String>,
    /// What records show of the application.
    pub software_id: String,
    /// Its name.
    pub client_name: String,
    /// Its version.
    pub software_version: String,
}

/// What is taken back, in the words of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeCommand {
    /// A statement, or its id.
    Statement(SecretText),
    /// A client id, or the UUID in it.
    Client(String),
    /// Every client and token that was issued before this many milliseconds since the Unix epoch; `None` is now.
    IssuedBefore(Option<u64>),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The statement.
    Statement(SecretText),
    /// The schedules.
    Schedules(Vec<ScheduleLine>),
    /// What was found.
    Examined(Vec<Examined>),
    /// It is done.
    Done,
}

/// Does what is asked.
///
/// # Errors
/// What is wrong with the command, and whatever the use case meets.
pub async fn perform(services: &Services, command: Command) -> Result<Answer> {
    let Services { client_registration, scheduler, policy } = services;
    match command {
        Command::MintStatement(command) => {
            let mint = mint_statement(&policy.load(), command)?;
            let (id, statement) = client_registration.mint_statement(mint.clone())?;
            tracing::info!(%id, ?mint, "a software statement was minted");
            Ok(Answer::Statement(statement.into()))
        }
        Command::ListSchedules => {
            let statuses = scheduler.statuses().await?;
            Ok(Answer::Schedules(statuses.into_iter().map(schedule_line).collect()))
        }
        Command::Examine(command) => examine(policy.load_full(), command).await.map(Answer::Examined),
        Command::Revoke(command) => {
            let mut violations = Violations::default();
            let revocation = match command {
                RevokeCommand::Statement(text) => client_registration.statement_revocation(text.reveal()),
                RevokeCommand::Client(text) => client_registration.client_revocation(&text),
                RevokeCommand::IssuedBefore(millis) => {
                    client_registration.time_revocation(millis.map(Timestamp::from_millis))
                }
            };
            let revocation = violations.take(revocation).ok_or_else(|| violations.into_error())?;
            client_registration.revoke(revocation.clone()).await?;
            tracing::info!(?revocation, "revoked");
            Ok(Answer::Done)
        }
    }
}

fn schedule_line(status: ScheduleStatus) -> ScheduleLine {
    let (last, outcome) = status.last.unzip();
    ScheduleLine {
        name: status.name,
        last: last.map(Timestamp::as_millis),
        result: match outcome {
            Some(Outcome::Retrying { reason, at }) => {
                let at = UNIX_EPOCH + Duration::from_millis(at.as_millis());
                format!("failed, and is tried again at {}: {reason}", humantime::format_rfc3339_seconds(at))
            }
            None | Some(Outcome::NotYet) => "has not run yet".to_owned(),
            Some(Outcome::Running(_)) => "is under way".to_owned(),
            Some(Outcome::Done(None)) => "done".to_owned(),
            Some(Outcome::Done(Some(count))) => format!("done, {count} reset"),
            Some(Outcome::Failed(reason)) => format!("failed: {reason}"),
            Some(Outcome::Missed) => "missed, and too old to be made up".to_owned(),
        },
        next: status.next.map(Timestamp::as_millis),
    }
}

fn mint_statement(policy: &Policy, command: StatementCommand) -> Result<MintStatement> {
    let mut violations = Violations::default();
    let StatementCommand { requestors, environments, permissions, .. } = &command;
    let requestors: BTreeSet<_> = requestors
        .iter()
        .filter_map(|text| violations.take(known_requestor(policy, environments, text)))
        .collect();
    let environments: BTreeSet<_> =
        environments.iter().filter_map(|text| violations.take(known_environment(policy, text))).collect();
    let permissions: BTreeSet<_> = permissions
        .iter()
        .filter_map(|text| violations.take(Permission::parse("permission", text)))
        .collect();
    for (field, text) in [
        ("software-id", &command.software_id),
        ("client-name", &command.client_name),
        ("software-version", &command.software_version),
    ] {
        violations.check_text(field, text, APPLICATION_TEXT_MAX);
    }
    if !violations.is_empty() {
        return Err(violations.into_error());
    }
    Ok(MintStatement {
        requestors: Some(requestors).filter(|requestors| !requestors.is_empty()),
        environments: Some(environments).filter(|environments| !environments.is_empty()),
        permissions: Some(permissions).filter(|permissions| !permissions.is_empty()),
        application: SourceApplication {
            id: command.software_id,
            name: command.client_name,
            version: command.software_version,
        },
    })
}

/// Examines the upstreams that the command means, one after the other.
async fn examine(policy: Arc<Policy>, command: ExamineCommand) -> Result<Vec<Examined>> {
    let ExamineCommand { environment, create_for } = command;
    let environments: Vec<EnvironmentName> = match environment {
        Some(text) => vec![known_environment(&policy, &text)?],
        None => policy.environments().filter(|name| policy.upstream(name).is_some()).cloned().collect(),
    };
    let mut examined = Vec::new();
    for environment in environments {
        let Some(upstream) = policy.upstream(&environment) else {
            let text = format!("{environment} has no upstream: its backend is local");
            return Err(Violation::new("environment", text).into());
        };
        let place = create_for.as_deref().map(|requestor| {
            policy
                .place(("environment", environment.as_str()), ("requestor", requestor))
                .map_err(Error::InvalidFields)
        });
        let place = place.transpose()?;
        let api = place.as_ref().and_then(|place| policy.upstream_api(place));
        let examination = Examination { api: api.unwrap_or(UpstreamApi::V2), create_for: place };
        let findings = upstream.doctor.examine(&examination).await;
        examined.push(Examined { environment: environment.to_string(), findings });
    }
    Ok(examined)
}

fn known_environment(policy: &Policy, text: &str) -> std::result::Result<EnvironmentName, Violation> {
    let name = EnvironmentName::parse("environment", text)?;
    if policy.environments().any(|known| *known == name) {
        Ok(name)
    } else {
        let known: Vec<_> = policy.environments().map(EnvironmentName::as_str).collect();
        Err(Violation::new("environment", format!("{text:?} is unknown; there are {}", known.join(", "))))
    }
}

/// A requestor that one of the statement's environments takes: for any other the statement would be good for nothing.
fn known_requestor(
    policy: &Policy,
    environments: &[String],
    text: &str,
) -> std::result::Result<RequestorId, Violation> {
    let requestor = RequestorId::parse("requestor", text)?;
    let is_meant = |name: &EnvironmentName| {
        environments.is_empty() || environments.iter().any(|environment| environment == name.as_str())
    };
    let mut meant = policy.environments().filter(|name| is_meant(name)).peekable();
    // Where none of the environments is known, that is told already.
    if meant.peek().is_none() || meant.any(|name| policy.place(("", name.as_str()), ("", text)).is_ok()) {
        Ok(requestor)
    } else {
        Err(Violation::new("requestor", format!("{text:?} is no requestor of any of these environments")))
    }
}
