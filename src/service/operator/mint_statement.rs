//! Signing a software statement.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Operator, OperatorService, known_environment};
use crate::{
    domain::{
        caller::Permission,
        error::{Result, Violation, Violations},
        id::{EnvironmentName, RequestorId},
        registration::{SOURCE_APPLICATION_MAX, SourceApplication},
        secret::SecretText,
    },
    service::{client_registration::MintStatement, policy::Policy},
};

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

/// What an entry tells of a statement: all that was asked for, and by which id it can be revoked.
#[derive(Serialize)]
struct Subject<'a> {
    statement: Option<Uuid>,
    #[serde(flatten)]
    asked: &'a StatementCommand,
}

impl OperatorService {
    pub(super) async fn mint_statement(
        &self,
        operator: &Operator,
        command: StatementCommand,
    ) -> Result<SecretText> {
        let mint = mint_statement(&self.policy.load(), command.clone());
        let minted = mint.and_then(|mint| self.client_registration.mint_statement(mint));
        let subject = Subject { statement: minted.as_ref().ok().map(|(id, _)| *id), asked: &command };
        self.record("statement_minted", operator, subject, &minted).await;
        let (id, statement) = minted?;
        tracing::info!(%id, asked = ?command, "a software statement was minted");
        Ok(statement.into())
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
        violations.check_text(field, text, SOURCE_APPLICATION_MAX);
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
