//! Access tokens: issues them for a client id and secret, and verifies them in calls.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
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
    service::{
        authentication::{Authenticator, Evidence, Identity, Proof, RequestCredentials},
        policy::Policy,
    },
};

/// The lifetime of an access token in seconds: 6 hours, as for the provider's tokens.
pub(super) const ACCESS_TOKEN_SECONDS: u64 = 21_600;

/// The maximum length of an access token, in bytes.
const ACCESS_TOKEN_MAX: usize = 12 * 1024;

/// The number of verified tokens that are cached, so that a polling device's token is only verified once.
const REMEMBERED: usize = 10_000;

/// A request for an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueToken {
    /// The environment that the token is for.
    pub environment: EnvironmentName,
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token's id.
    pub id: Uuid,
    /// The token that calls carry.
    pub token: SecretText,
    /// When it was issued.
    pub create_time: Timestamp,
    /// The lifetime in seconds.
    pub expires_in: u64,
}

/// Tokens with a verified signature. Their validity is checked at each call.
pub(super) struct VerifiedTokens(Cache<Box<str>, Arc<VerifiedToken>>);

/// The claims of a verified token, and the client that follows from them.
struct VerifiedToken {
    claims: AccessTokenClaims,
    /// The client under the policy of the last call. Building the sets of its grant costs more than finding the token. A weak
    /// reference identifies the policy without keeping it after a reload.
    client: ArcSwapOption<(Weak<Policy>, Identity)>,
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl ClientRegistrationService {
    /// Issues an access token. The server does not store it.
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
            return Err(OAuthErrorCode::InvalidClient.because("the client was revoked; register again"));
        }
        let rights = client.grant.rights(&self.parts().policy.load());
        if !rights.is_some_and(|rights| rights.environments.contains(environment)) {
            let code = OAuthErrorCode::UnauthorizedClient;
            return Err(code.because("the client's software statement is not valid for this environment"));
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

    /// The client that this access token authenticates in this environment, with the grants of its statement.
    fn client(&self, token: &str, environment: &EnvironmentName) -> Result<Identity, AuthenticationProblem> {
        let Some(token) = self.verified(token) else {
            return Err(AuthenticationProblem::TokenInvalid);
        };
        let VerifiedToken { claims, client } = &*token;
        if self.parts().clock.now().as_millis() >= claims.exp {
            return Err(AuthenticationProblem::TokenExpired);
        }
        if claims.env != *environment {
            return Err(AuthenticationProblem::TokenOfOtherEnvironment);
        }
        let AccessTokenClaims { iat, sub, cat, grant, .. } = claims;
        let revocations = self.inner.revocations.load();
        if revocations.has_client(&grant.statement, *sub, *cat) || revocations.has_time(*iat) {
            return Err(AuthenticationProblem::TokenRevoked);
        }
        let policy = self.parts().policy.load();
        if let Some((known_under, identity)) = client.load().as_deref()
            && std::ptr::eq(known_under.as_ptr(), Arc::as_ptr(&policy))
        {
            return Ok(identity.clone());
        }
        let Some(rights) = grant.rights(&policy) else {
            return Err(AuthenticationProblem::TokenRevoked);
        };
        if !rights.environments.contains(environment) {
            return Err(AuthenticationProblem::TokenRevoked);
        }
        let environments = Scope::Only([environment.clone()].into());
        let name = format!("client {sub}");
        let caller = Caller::new(name, rights.requestors, environments, rights.permissions);
        let identity = Identity { caller, proof: Proof::AccessToken(rights.source) };
        client.store(Some(Arc::new((Arc::downgrade(&policy), identity.clone()))));
        Ok(identity)
    }

    fn verified(&self, token: &str) -> Option<Arc<VerifiedToken>> {
        let VerifiedTokens(remembered) = &self.inner.verified;
        if let Some(verified) = remembered.get(token) {
            return Some(verified);
        }
        if token.len() > ACCESS_TOKEN_MAX {
            return None;
        }
        let claims = self.inner.keys.verify(Purpose::AccessToken, token)?;
        let verified = Arc::new(VerifiedToken { claims, client: ArcSwapOption::empty() });
        remembered.insert(token.into(), Arc::clone(&verified));
        Some(verified)
    }
}

#[async_trait]
impl Authenticator for ClientRegistrationService {
    /// Accepts the access tokens of calls that name their environment.
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        match (evidence.environment, evidence.credentials()) {
            (Some(environment), RequestCredentials::Bearer(token)) => {
                Ok(Some(self.client(token, environment)?))
            }
            _ => Ok(None),
        }
    }
}
