//! Registration: a software statement becomes a client id and a secret.

use iri_string::types::UriStr;

use super::{
    ClientRegistrationService,
    claims::ClientClaims,
    error::{OAuthError, OAuthErrorCode, server_error},
};
use crate::{
    auth::Purpose,
    domain::{caller::Permission, id::EnvironmentName},
};

/// The longest software statement, in bytes.
pub(super) const STATEMENT_MAX: usize = 8 * 1024;

/// How many redirect URIs a client may name, and how long each may be, in bytes.
const REDIRECT_URIS_MAX: usize = 16;
const REDIRECT_URI_MAX: usize = 2048;

/// A request to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterClient {
    /// Where the client registers.
    pub environment: EnvironmentName,
    /// Its statement.
    pub software_statement: String,
    /// Where its logins shall end. They are checked and given back; nothing here leads to them.
    pub redirect_uris: Vec<String>,
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredClient {
    /// The client id, which carries what the client may do.
    pub client_id: String,
    /// The secret that belongs to it.
    pub client_secret: String,
    /// When it was registered, in seconds since the Unix epoch.
    pub issued_at: u64,
    /// As they came.
    pub redirect_uris: Vec<String>,
    /// What the client may do.
    pub permissions: Vec<Permission>,
}

impl ClientRegistrationService {
    /// Registers a client. Nothing of it is kept.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_redirect_uri`, `invalid_software_statement` and `unapproved_software_statement`.
    pub fn register(&self, request: RegisterClient) -> Result<RegisteredClient, OAuthError> {
        let RegisterClient { environment, software_statement, redirect_uris } = request;
        if software_statement.len() > STATEMENT_MAX {
            let text = format!("software_statement has more than {STATEMENT_MAX} bytes");
            return Err(OAuthErrorCode::InvalidRequest.because(text));
        }
        check_redirect_uris(&redirect_uris)?;
        let grant = self.verify_statement(&software_statement)?;
        let unapproved = || {
            OAuthErrorCode::UnapprovedSoftwareStatement.because("the statement is not for this environment")
        };
        let rights = grant.rights(&self.parts().policy.load()).ok_or_else(unapproved)?;
        if !rights.environments.contains(&environment) {
            return Err(unapproved());
        }
        let iat = self.parts().clock.now().as_millis();
        let claims = ClientClaims { jti: self.parts().randomness.uuid()?, iat, grant };
        let client_id = self.inner.keys.sign(Purpose::ClientId, &claims).map_err(server_error)?;
        Ok(RegisteredClient {
            client_secret: self.inner.keys.client_secret(&client_id),
            client_id,
            issued_at: claims.iat / 1000,
            redirect_uris,
            permissions: rights.permissions,
        })
    }
}

fn check_redirect_uris(uris: &[String]) -> Result<(), OAuthError> {
    let is_right = |uri: &String| {
        uri.len() <= REDIRECT_URI_MAX && UriStr::new(uri).is_ok_and(|uri| uri.fragment().is_none())
    };
    if uris.len() <= REDIRECT_URIS_MAX && uris.iter().all(is_right) {
        return Ok(());
    }
    Err(OAuthErrorCode::InvalidRedirectUri.because(format!(
        "redirect URIs must be absolute URIs without a fragment, at most {REDIRECT_URIS_MAX} of them and of \
         {REDIRECT_URI_MAX} bytes each"
    )))
}
