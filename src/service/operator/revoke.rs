//! Revokes statements, clients, or everything issued before a point in time.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorService};
use crate::{
    domain::{
        clock::Timestamp,
        error::{Error, Result},
        secret::SecretText,
    },
    service::client_registration::Revocation,
};

/// What to revoke, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeCommand {
    /// A statement or its id.
    Statement(SecretText),
    /// A client id or the UUID in it.
    Client(String),
    /// Every client and token issued before this time, in milliseconds since the Unix epoch. `None` is the current
    /// time.
    IssuedBefore(Option<u64>),
}

/// The audit log's subject: the kind of revocation, and what it revokes, as far as known.
#[derive(Serialize)]
struct RevocationSubject {
    revoked: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<u64>,
}

impl OperatorService {
    pub(super) async fn revoke(&self, operator: &Operator, command: RevokeCommand) -> Result<()> {
        let clients = &self.client_registration;
        let (revoked, revocation) = match command {
            RevokeCommand::Statement(text) => ("statement", clients.statement_revocation(text.reveal())),
            RevokeCommand::Client(text) => ("client", clients.client_revocation(&text)),
            RevokeCommand::IssuedBefore(millis) => {
                ("issued_before", clients.time_revocation(millis.map(Timestamp::from_millis)))
            }
        };
        let revocation = revocation.map_err(Error::from);
        let (id, issued_before) = match &revocation {
            Ok(Revocation::Statement(id)) => (Some(id.clone()), None),
            Ok(Revocation::Client(id)) => (Some(id.to_string()), None),
            Ok(Revocation::IssuedBefore(time)) => (None, Some(time.as_millis())),
            Err(_) => (None, None),
        };
        let outcome = match revocation {
            Ok(revocation) => clients.revoke(revocation).await,
            Err(error) => Err(error),
        };
        if outcome.is_ok() {
            tracing::info!(kind = revoked, id, issued_before, "revoked");
        }
        self.record("revoked", operator, RevocationSubject { revoked, id, issued_before }, &outcome).await;
        outcome
    }
}
