//! Software statements: minting our own, and verifying those that clients bring.

use std::collections::BTreeSet;

use super::{
    ClientRegistrationService,
    claims::{Application, Grant, StatementClaims},
    error::{OAuthError, OAuthErrorCode},
};
use crate::{
    auth::{Purpose, software_statement},
    domain::{
        caller::Permission,
        error::{Error, Result},
        id::{EnvironmentName, RequestorId},
        registration::SourceApplication,
    },
    service::{device_info::HashAlgorithm, policy::StatementKey},
};

/// A statement to mint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MintStatement {
    /// The requestors that it is for; `None` is all of them.
    pub requestors: Option<BTreeSet<RequestorId>>,
    /// The environments that it is for; `None` is all of them.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// What its clients may do; `None` leaves that to the configuration of the day.
    pub permissions: Option<BTreeSet<Permission>>,
    /// What records show of the application. An empty id becomes the statement's own.
    pub application: SourceApplication,
}

impl ClientRegistrationService {
    /// Signs a statement. Nothing of it is kept.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is no randomness.
    pub fn mint_statement(&self, mint: MintStatement) -> Result<String> {
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
        signed.map_err(|error| Error::Internal(error.to_string()))
    }

    /// What a client has that brings this statement.
    pub(super) fn verify_statement(&self, statement: &str) -> std::result::Result<Grant, OAuthError> {
        let grant = if software_statement::is_own(statement) {
            self.verify_own(statement)?
        } else {
            self.verify_foreign(statement)?
        };
        if self.inner.revocations.load().has_statement(&grant.statement) {
            return Err(OAuthErrorCode::UnapprovedSoftwareStatement.because("the statement has been revoked"));
        }
        Ok(grant)
    }

    fn verify_own(&self, statement: &str) -> std::result::Result<Grant, OAuthError> {
        let claims = self.inner.keys.verify::<StatementClaims>(Purpose::SoftwareStatement, statement);
        let claims = claims.ok_or_else(not_genuine)?;
        Ok(Grant {
            statement: claims.jti.to_string(),
            application: Application::Stated {
                source: SourceApplication {
                    id: claims.software_id,
                    name: claims.client_name,
                    version: claims.software_version,
                },
                requestors: claims.requestors.into(),
                environments: claims.environments.into(),
                permissions: claims.permissions,
            },
        })
    }

    fn verify_foreign(&self, statement: &str) -> std::result::Result<Grant, OAuthError> {
        let policy = self.parts().policy.load();
        let keys = policy.clients.statement_keys.iter().map(|StatementKey { id, key }| (id.as_deref(), key));
        let claims = software_statement::verify(statement, keys).ok_or_else(not_genuine)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
        let now = self.now_seconds() as f64;
        if claims.nbf.is_some_and(|from| now < from) || claims.exp.is_some_and(|until| now >= until) {
            let code = OAuthErrorCode::InvalidSoftwareStatement;
            return Err(code.because("the statement is not valid at this time (nbf, exp)"));
        }
        if !policy.clients.applications.contains_key(&claims.software_id) {
            let code = OAuthErrorCode::UnapprovedSoftwareStatement;
            return Err(code.because("software_id names no application that is known here"));
        }
        let id = claims.jti.unwrap_or_else(|| HashAlgorithm::Sha256.hex_digest(statement.as_bytes()));
        Ok(Grant { statement: id, application: Application::Configured(claims.software_id) })
    }
}

fn not_genuine() -> OAuthError {
    OAuthErrorCode::InvalidSoftwareStatement
        .because("the statement is not signed by this server, nor by anybody whose statements it takes")
}
