//! Operators' commands: one use case per file. Each that changes something leaves an entry in the audit log, even if it
//! is rejected.

mod examine;
mod mint_statement;
mod revoke;
mod rotate_keys;
mod schedules;

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ClientRegistrationService,
    audit::{AuditEvent, AuditLog, AuditOrigin, AuditOutcome},
    policy::{Policy, SharedPolicy},
    temp_pass::Scheduler,
};
use crate::{
    auth::{Rotation, SealedLedger},
    domain::{
        error::{Result, Violation},
        id::EnvironmentName,
        secret::SecretText,
    },
};

pub(crate) use examine::FaceDoctor;
pub use examine::{ExaminationReport, ExamineCommand};
pub use mint_statement::StatementCommand;
pub use revoke::RevokeCommand;
pub use schedules::ScheduleLine;

/// The operators' use cases. A cheap handle.
#[derive(Clone)]
pub struct OperatorService {
    /// The use cases of registered clients.
    pub client_registration: ClientRegistrationService,
    /// Runs the schedules, or only reports their runs.
    pub scheduler: Scheduler,
    /// The operator's configuration.
    pub policy: SharedPolicy,
    /// The audit log of the commands.
    pub audit: AuditLog,
    /// Examines both faces.
    pub(crate) faces: Arc<dyn FaceDoctor>,
    /// The secrets sealed with the key ring.
    pub secrets: Arc<SealedLedger>,
    /// The key ring's file, if configured.
    pub key_ring: Option<PathBuf>,
}

/// The operator who gives a command: a user of this machine who has access to the server's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name in the audit log.
    pub name: String,
    /// How the command arrives.
    pub origin: AuditOrigin,
}

impl Operator {
    /// The user with this id, over the socket of the running server.
    #[must_use]
    pub fn over_socket(uid: u32) -> Self {
        Self { name: user(uid), origin: AuditOrigin { face: "admin", request_id: None } }
    }

    /// The user with this id, through a command that opened the data folder itself.
    #[must_use]
    pub fn by_command(uid: u32) -> Self {
        Self { name: user(uid), origin: AuditOrigin { face: "command", request_id: None } }
    }

    /// The sender of a signal. The operating system does not report its identity.
    #[must_use]
    pub fn by_signal() -> Self {
        Self { name: "signal".to_owned(), origin: AuditOrigin { face: "signal", request_id: None } }
    }
}

fn user(uid: u32) -> String {
    format!("uid {uid}")
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorCommand {
    /// Issue a software statement.
    MintStatement(StatementCommand),
    /// Revoke a statement, a client, or everything issued before a point in time.
    Revoke(RevokeCommand),
    /// List the schedules.
    ListSchedules,
    /// Examine both faces and the upstreams.
    Examine(ExamineCommand),
    /// Reread the key ring and reseal every secret with its first key.
    RotateKeys,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorResponse {
    /// The statement.
    Statement(SecretText),
    /// The schedules.
    Schedules(Vec<ScheduleLine>),
    /// The findings.
    Examined(Vec<ExaminationReport>),
    /// Every secret is sealed with the first key.
    KeysRotated(Rotation),
    /// The command was performed.
    Done,
}

impl OperatorService {
    /// Performs a command.
    ///
    /// # Errors
    /// If the command is invalid, or the use case fails.
    pub async fn perform(&self, operator: &Operator, command: OperatorCommand) -> Result<OperatorResponse> {
        match command {
            OperatorCommand::MintStatement(command) => {
                self.mint_statement(operator, command).await.map(OperatorResponse::Statement)
            }
            OperatorCommand::ListSchedules => self.schedules().await.map(OperatorResponse::Schedules),
            OperatorCommand::Examine(command) => {
                self.examine(operator, command).await.map(OperatorResponse::Examined)
            }
            OperatorCommand::RotateKeys => {
                self.rotate_keys(operator).await.map(OperatorResponse::KeysRotated)
            }
            OperatorCommand::Revoke(command) => {
                self.revoke(operator, command).await.map(|()| OperatorResponse::Done)
            }
        }
    }

    /// Records the result of a use case in the audit log.
    async fn record<T>(
        &self,
        name: &'static str,
        operator: &Operator,
        subject: impl Serialize,
        outcome: &Result<T>,
    ) {
        let Operator { name: caller, origin } = operator;
        self.audit
            .record(&AuditEvent { name, caller, origin, subject, end: AuditOutcome::of(outcome) })
            .await;
    }
}

fn known_environment(policy: &Policy, text: &str) -> std::result::Result<EnvironmentName, Violation> {
    let name = EnvironmentName::parse("environment", text)?;
    if policy.environments().any(|known| *known == name) {
        Ok(name)
    } else {
        let known: Vec<_> = policy.environments().map(EnvironmentName::as_str).collect();
        Err(Violation::new("environment", format!("must be one of {}, but is {text:?}", known.join(", "))))
    }
}
