//! Software statements: issues this server's, and verifies those of clients.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    ClientRegistrationService,
    claims::{ClaimedApplication, StatementClaims, StatementGrant},
    error::{OAuthError, OAuthErrorCode},
    register::STATEMENT_MAX,
};
use crate::{
    auth::{
        Purpose,
        software_statement::{self, ForeignStatement},
    },
    domain::{
        caller::Permission,
        error::{Error, Result, Violation},
        id::{EnvironmentName, RequestorId},
        registration_code::SourceApplication,
    },
    service::device_info::HashAlgorithm,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MintStatement {
    /// The requestors that it is valid for; `None` for all.
    pub requestors: Option<BTreeSet<RequestorId>>,
    /// The environments that it is valid for; `None` for all.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// The permissions of its clients; `None` for those of every device.
    pub permissions: Option<BTreeSet<Permission>>,
    /// The application as shown in records. An empty id is replaced with the statement's id.
    pub application: SourceApplication,
}

impl ClientRegistrationService {
    /// Signs a statement. Also returns its id. The server does not store it.
    ///
    /// # Errors
    /// [`Error::Internal`] if randomness is unavailable.
    pub fn mint_statement(&self, mint: MintStatement) -> Result<(Uuid, String)> {
        let jti = self.parts().randomness.uuid()?;
        let MintStatement { requestors, environments, permissions, application } = mint;
        let software_id = if application.id.is_empty() { jti.to_string() } else { application.id };
        let claims = StatementClaims {
            jti,
            iat: self.now_seconds(),
            software_id,
            client_name: application.name,
            software_version: application.version,
            requestors,
            environments,
            permissions,
        };
        let signed = self.inner.keys.sign(Purpose::SoftwareStatement, &claims);
        let statement = signed.map_err(|error| Error::Internal(error.to_string()))?;
        if statement.len() > STATEMENT_MAX {
            let text = format!(
                "must be fewer, because the statement would exceed {STATEMENT_MAX} bytes; create several statements"
            );
            return Err(Error::InvalidFields(vec![Violation::new("requestor", text)]));
        }
        Ok((jti, statement))
    }

    /// The grant of a client with this statement.
    pub(super) fn verify_statement(
        &self,
        statement: &str,
    ) -> std::result::Result<StatementGrant, OAuthError> {
        let genuine = self.genuine(statement).ok_or_else(|| {
            OAuthErrorCode::InvalidSoftwareStatement
                .because("the statement is signed neither by this server nor by a trusted issuer")
        })?;
        if self.inner.revocations.load().has_statement(&genuine.id) {
            return Err(OAuthErrorCode::UnapprovedSoftwareStatement.because("the statement was revoked"));
        }
        if let SignedStatement::Elsewhere(claims) = &genuine.signed {
            self.check_usable(claims)?;
        }
        Ok(genuine.into_grant())
    }

    /// A statement with a valid signature, whether or not it may be used.
    pub(super) fn genuine(&self, statement: &str) -> Option<VerifiedStatement> {
        if software_statement::is_own(statement) {
            let claims = self.inner.keys.verify::<StatementClaims>(Purpose::SoftwareStatement, statement)?;
            return Some(VerifiedStatement {
                id: claims.jti.to_string(),
                signed: SignedStatement::Here(claims),
            });
        }
        let policy = self.parts().policy.load();
        let claims = policy.clients.statement_keys.verify(statement)?;
        let id = claims.jti.clone();
        let id = id.unwrap_or_else(|| id_of_claims(statement));
        Some(VerifiedStatement { id, signed: SignedStatement::Elsewhere(claims) })
    }

    fn check_usable(&self, claims: &ForeignStatement) -> std::result::Result<(), OAuthError> {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
        let now = self.now_seconds() as f64;
        if claims.nbf.is_some_and(|from| now < from) || claims.exp.is_some_and(|until| now >= until) {
            let code = OAuthErrorCode::InvalidSoftwareStatement;
            return Err(code.because("the statement is not valid at this time (nbf, exp)"));
        }
        if !self.parts().policy.load().clients.applications.contains_key(&claims.software_id) {
            let code = OAuthErrorCode::UnapprovedSoftwareStatement;
            return Err(code.because("software_id does not name a configured application"));
        }
        Ok(())
    }
}

/// The id of a statement that has no id of its own. It is computed from what is signed, since one text can have several
/// signatures.
fn id_of_claims(statement: &str) -> String {
    let signed = statement.rsplit_once('.').map_or(statement, |(signed, _)| signed);
    HashAlgorithm::Sha256.hex_digest(signed.as_bytes())
}

/// A statement with a valid signature.
pub(super) struct VerifiedStatement {
    pub id: String,
    signed: SignedStatement,
}

enum SignedStatement {
    Here(StatementClaims),
    Elsewhere(ForeignStatement),
}

impl VerifiedStatement {
    fn into_grant(self) -> StatementGrant {
        let application = match self.signed {
            SignedStatement::Here(claims) => ClaimedApplication::Stated {
                source: SourceApplication {
                    id: claims.software_id,
                    name: claims.client_name,
                    version: claims.software_version,
                },
                requestors: claims.requestors.into(),
                environments: claims.environments.into(),
                permissions: claims.permissions,
            },
            SignedStatement::Elsewhere(claims) => ClaimedApplication::Configured(claims.software_id),
        };
        StatementGrant { statement: self.id, application }
    }
}
