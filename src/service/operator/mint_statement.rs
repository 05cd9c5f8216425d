//! Issues a software statement.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Operator, OperatorService, known_environment};
use crate::{
    domain::{
        caller::Permission,
        error::{Result, Violation, Violations},
        id::{EnvironmentName, RequestorId},
        registration_code::{SOURCE_APPLICATION_MAX, SourceApplication},
        secret::SecretText,
    },
    service::{client_registration::MintStatement, policy::Policy},
};

/// The statement to issue, as given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementCommand {
    /// The requestors; empty for all.
    pub requestors: Vec<String>,
    /// The environments; empty for all.
    pub environments: Vec<String>,
    /// The permissions of its clients; empty for the default permissions.
    pub permissions: Vec<String>,
    /// The application as shown in records.
    pub software_id: String,
    /// The application's name.
    pub client_name: String,
    /// The application's version.
    pub software_version: String,
}

/// The audit log's subject: everything that was requested, and the statement's id, by which it can be revoked.
#[derive(Serialize)]
struct StatementSubject<'a> {
    statement: Option<Uuid>,
    #[serde(flatten)]
    command: &'a StatementCommand,
}

impl OperatorService {
    pub(super) async fn mint_statement(
        &self,
        operator: &Operator,
        command: StatementCommand,
    ) -> Result<SecretText> {
        let mint = mint_statement(&self.policy.load(), command.clone());
        let minted = mint.and_then(|mint| self.client_registration.mint_statement(mint));
        let subject =
            StatementSubject { statement: minted.as_ref().ok().map(|(id, _)| *id), command: &command };
        self.record("statement_minted", operator, subject, &minted).await;
        let (id, statement) = minted?;
        tracing::info!(
            %id,
            requestors = ?command.requestors,
            environments = ?command.environments,
            permissions = ?command.permissions,
            software_id = command.software_id,
            client_name = command.client_name,
            software_version = command.software_version,
            "software statement issued"
        );
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

/// A requestor that at least one of the statement's environments accepts. The statement would be useless to any other.
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
    // If all environments are unknown, that is reported already.
    if meant.peek().is_none() || meant.any(|name| policy.place(("", name.as_str()), ("", text)).is_ok()) {
        Ok(requestor)
    } else {
        Err(Violation::new(
            "requestor",
            format!("must be a requestor of one of these environments, but is {text:?}"),
        ))
    }
}
