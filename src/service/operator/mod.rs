//! What operators ask of an installation: one use case a file. Each that does something leaves an entry in the audit log,
//! also one that is refused.

mod examine;
mod mint_statement;
mod revoke;
mod rotate_keys;
mod schedules;

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ClientRegistrationService,
    audit::{AuditLog, End, Event, Origin},
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
pub use examine::{ExamineCommand, Examined};
pub use mint_statement::StatementCommand;
pub use revoke::RevokeCommand;
pub use schedules::ScheduleLine;

/// The use cases of operators. A cheap handle.
#[derive(Clone)]
pub struct OperatorService {
    /// The use cases around registered clients.
    pub client_registration: ClientRegistrationService,
    /// What runs the schedules, or knows when they have run.
    pub scheduler: Scheduler,
    /// What the operator configured.
    pub policy: SharedPolicy,
    /// Where what operators do leaves its entries.
    pub audit: AuditLog,
    /// What examines both faces.
    pub(crate) faces: Arc<dyn FaceDoctor>,
    /// What is sealed with the key ring.
    pub secrets: Arc<SealedLedger>,
    /// The key ring's file, where one is configured.
    pub key_ring: Option<PathBuf>,
}

/// Who gives commands: a user of this machine, who can use what is the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name by which the audit log knows it.
    pub name: String,
    /// How it gives them.
    pub origin: Origin,
}

impl Operator {
    /// The user with this id, over the socket of the running server.
    #[must_use]
    pub fn over_socket(uid: u32) -> Self {
        Self { name: user(uid), origin: Origin { face: "admin", request_id: None } }
    }

    /// The user with this id, by a command that has opened the data folder itself.
    #[must_use]
    pub fn by_command(uid: u32) -> Self {
        Self { name: user(uid), origin: Origin { face: "command", request_id: None } }
    }

    /// Whoever sent the process a signal, which nobody tells.
    #[must_use]
    pub fn by_signal() -> Self {
        Self { name: "signal".to_owned(), origin: Origin { face: "signal", request_id: None } }
    }
}

fn user(uid: u32) -> String {
    format!("uid {uid}")
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
    /// Examine both faces, and upstreams.
    Examine(ExamineCommand),
    /// Read the key ring again, and seal every secret with its first key.
    RotateKeys,
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
    /// Every secret is sealed with the first key.
    KeysRotated(Rotation),
    /// It is done.
    Done,
}

impl OperatorService {
    /// Does what is asked.
    ///
    /// # Errors
    /// What is wrong with the command, and whatever the use case meets.
    pub async fn perform(&self, operator: &Operator, command: Command) -> Result<Answer> {
        match command {
            Command::MintStatement(command) => {
                self.mint_statement(operator, command).await.map(Answer::Statement)
            }
            Command::ListSchedules => self.schedules().await.map(Answer::Schedules),
            Command::Examine(command) => self.examine(operator, command).await.map(Answer::Examined),
            Command::RotateKeys => self.rotate_keys(operator).await.map(Answer::KeysRotated),
            Command::Revoke(command) => self.revoke(operator, command).await.map(|()| Answer::Done),
        }
    }

    /// Leaves an entry about what came of a use case.
    async fn record<T>(
        &self,
        name: &'static str,
        operator: &Operator,
        subject: impl Serialize,
        outcome: &Result<T>,
    ) {
        let Operator { name: caller, origin } = operator;
        self.audit.record(&Event { name, caller, origin, subject, end: End::of(outcome) }).await;
    }
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
