//! Access tokens: issued for a client id and its secret, and recognized in calls.

use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::{
    ClientRegistrationService,
    claims::{AccessTokenClaims, ClientClaims},
    error::{OAuthError, OAuthErrorCode, server_error},
};
use crate::{
    auth::Purpose,
    domain::{
        authentication::AuthenticationProblem,
        caller::{Caller, Scope},
        clock::Timestamp,
        error::Result,
        id::EnvironmentName,
        secret::SecretText,
    },
    service::authentication::{Authenticator, Credentials, Evidence, Identity, Proof},
};

/// How long an access token is good for, in seconds: 6 hours, as the provider's are.
pub(super) const ACCESS_TOKEN_SECONDS: u64 = 21_600;

/// The longest access token that is looked at, in bytes.
const ACCESS_TOKEN_MAX: usize = 12 * 1024;

/// How many access tokens are remembered as genuine, so that a device that polls pays for the cryptography once.
const REMEMBERED: usize = 10_000;

/// A request for an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueToken {
    /// Where the token shall be good.
    pub environment: EnvironmentName,
    pub client_id: String,
    /// The secret that belongs to it.
    pub client_secret: SecretText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token's id.
    pub id: Uuid,
    /// What calls carry.
    pub token: SecretText,
    /// When it was issued.
    pub create_time: Timestamp,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
}

/// Tokens whose signature was found right. Whether one is still good is asked each time.
pub(super) struct VerifiedTokens(Cache<Box<str>, Arc<AccessTokenClaims>>);

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl ClientRegistrationService {
    /// Issues an access token. Nothing of it is kept.
    ///
    /// # Errors
    /// `invalid_client`, `unauthorized_client`.
    pub fn issue_token(&self, request: &IssueToken) -> std::result::Result<AccessToken, OAuthError> {
        let IssueToken { environment, client_id, client_secret } = request;
        let keys = &self.inner.keys;
        let client = Some(client_id)
            .filter(|client_id| keys.is_client_secret(client_id, client_secret.reveal()))
            .and_then(|client_id| keys.verify::<ClientClaims>(Purpose::ClientId, client_id))
            .ok_or_else(|| {
                OAuthErrorCode::InvalidClient.because("client_id or client_secret is wrong; register again")
            })?;
        if self.inner.revocations.load().has_client(&client.grant.statement, client.jti, client.iat) {
            return Err(OAuthErrorCode::InvalidClient.because("the client has been revoked; register again"));
        }
        let rights = client.grant.rights(&self.parts().policy.load());
        if !rights.is_some_and(|rights| rights.environments.contains(environment)) {
            let code = OAuthErrorCode::UnauthorizedClient;
            return Err(code.because("the client's software statement is not for this environment"));
        }
        let create_time = self.parts().clock.now();
        let iat = create_time.as_millis();
        let claims = AccessTokenClaims {
            jti: self.parts().randomness.uuid()?,
            iat,
            exp: iat + ACCESS_TOKEN_SECONDS * 1000,
            env: environment.clone(),
            sub: client.jti,
            cat: client.iat,
            grant: client.grant,
        };
        let token = keys.sign(Purpose::AccessToken, &claims).map_err(server_error)?;
        Ok(AccessToken { id: claims.jti, token: token.into(), create_time, expires_in: ACCESS_TOKEN_SECONDS })
    }

    /// Who calls with this access token in this environment: the client, granted what its statement has.
    fn client(&self, token: &str, environment: &EnvironmentName) -> Result<Identity, AuthenticationProblem> {
        let Some(claims) = self.verified(token) else {
            return Err(AuthenticationProblem::TokenInvalid);
        };
        if self.parts().clock.now().as_millis() >= claims.exp {
            return Err(AuthenticationProblem::TokenExpired);
        }
        if claims.env != *environment {
            return Err(AuthenticationProblem::TokenOfOtherEnvironment);
        }
        let AccessTokenClaims { iat, sub, cat, grant, .. } = &*claims;
        let revocations = self.inner.revocations.load();
        if revocations.has_client(&grant.statement, *sub, *cat) || revocations.has_time(*iat) {
            return Err(AuthenticationProblem::TokenRevoked);
        }
        let Some(rights) = grant.rights(&self.parts().policy.load()) else {
            return Err(AuthenticationProblem::TokenRevoked);
        };
        if !rights.environments.contains(environment) {
            return Err(AuthenticationProblem::TokenRevoked);
        }
        let environments = Scope::Only([environment.clone()].into());
        let name = format!("client {sub}");
        let caller = Caller::new(name, rights.requestors, environments, rights.permissions);
        Ok(Identity { caller, proof: Proof::AccessToken(rights.source) })
    }

    fn verified(&self, token: &str) -> Option<Arc<AccessTokenClaims>> {
        let VerifiedTokens(remembered) = &self.inner.verified;
        if let Some(claims) = remembered.get(token) {
            return Some(claims);
        }
        if token.len() > ACCESS_TOKEN_MAX {
            return None;
        }
        let claims =
            self.inner.keys.verify::<AccessTokenClaims>(Purpose::AccessToken, token).map(Arc::new)?;
        remembered.insert(token.into(), Arc::clone(&claims));
        Some(claims)
    }
}

#[async_trait]
impl Authenticator for ClientRegistrationService {
    /// Takes every access token of a call that says its environment.
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        match (evidence.environment, evidence.credentials()) {
            (Some(environment), Credentials::Bearer(token)) => Ok(Some(self.client(token, environment)?)),
            _ => Ok(None),
        }
    }
}
