//! Callers that the configuration identifies by their token: a static token, or a JWT of an issuer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quick_cache::sync::Cache;

use super::{
    Authenticator, Evidence, Identity, Proof, RequestCredentials,
    issuer::{Issuers, JwtIssuer},
};
use crate::{
    auth::key_set::{self, KeySet, TokenClaims, VerificationError},
    domain::{
        authentication::AuthenticationProblem,
        clock::SharedClock,
        credential::{Credential, TokenHash},
        error::{Error, Result},
    },
    service::policy::SharedPolicy,
};

/// The allowed difference between an issuer's clock and the server's, in seconds.
const LEEWAY: f64 = 60.0;

/// The maximum length of a JWT, in bytes.
const TOKEN_MAX: usize = 12 * 1024;

/// The number of verified JWTs that are cached, so that each is only verified once.
const REMEMBERED: usize = 10_000;

/// The retry hint while an issuer's keys are unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Authenticates callers by token. A call with a token is authenticated by the token alone.
pub(crate) struct CallerTokens {
    policy: SharedPolicy,
    issuers: Issuers,
    clock: SharedClock,
    verified: Cache<TokenHash, Arc<Verified>>,
}

/// A JWT with a verified signature. Its validity is checked at each call.
struct Verified {
    issuer: Arc<JwtIssuer>,
    /// The key set that verified it.
    keys: Arc<KeySet>,
    /// The validity period in seconds since the Unix epoch, without leeway.
    start: f64,
    end: f64,
    credential: Arc<Credential>,
}

impl CallerTokens {
    /// For the callers in this policy and these issuers.
    #[must_use]
    pub(crate) fn new(policy: SharedPolicy, issuers: Issuers, clock: SharedClock) -> Self {
        Self { policy, issuers, clock, verified: Cache::new(REMEMBERED) }
    }

    /// The credential that the token proves.
    async fn credential(&self, token: &str) -> Result<Arc<Credential>> {
        // The lookup by hash takes no longer for a token that is nearly correct.
        let hash = TokenHash::of(token);
        if let Some(verified) = self.verified.get(&hash)
            && let Some(credential) = self.still_good(&verified)
        {
            return Ok(credential?);
        }
        let as_text = Arc::new(Credential::Token(hash));
        let is_static = self.policy.load().caller(Arc::clone(&as_text)).is_ok();
        let issuer = key_set::claimed_issuer(token).filter(|_| token.len() <= TOKEN_MAX && !is_static);
        let Some(issuer) = issuer else { return Ok(as_text) };
        let verified = Arc::new(self.verify(token, &issuer).await?);
        self.verified.insert(hash, Arc::clone(&verified));
        self.check_time(&verified)?;
        Ok(Arc::clone(&verified.credential))
    }

    /// The credential of a token verified before. `None` if it must be verified again.
    fn still_good(&self, verified: &Verified) -> Option<Result<Arc<Credential>, AuthenticationProblem>> {
        let Credential::Subject { issuer, .. } = &*verified.credential else { return None };
        let is_same = self.issuers.get(issuer).is_some_and(|present| Arc::ptr_eq(&present, &verified.issuer))
            && verified.issuer.keys().is_some_and(|keys| Arc::ptr_eq(&keys, &verified.keys));
        is_same.then(|| self.check_time(verified).map(|()| Arc::clone(&verified.credential)))
    }

    fn check_time(&self, verified: &Verified) -> Result<(), AuthenticationProblem> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let now = self.clock.now().as_millis() as f64 / 1000.0;
        if now >= verified.end + LEEWAY {
            Err(AuthenticationProblem::TokenExpired)
        } else if now + LEEWAY < verified.start {
            Err(AuthenticationProblem::TokenNotYetValid)
        } else {
            Ok(())
        }
    }

    async fn verify(&self, token: &str, name: &str) -> Result<Verified> {
        let issuer = self.issuers.get(name).ok_or(AuthenticationProblem::CallerUnknown)?;
        let mut outcome = verified_by(&issuer, token);
        if matches!(outcome, Err(None | Some(VerificationError::KeyUnknown))) {
            issuer.read_again().await;
            outcome = verified_by(&issuer, token);
        }
        let (keys, claims) = outcome.map_err(|problem| match problem {
            None => Error::IssuerUnavailable { retry_after: RETRY_AFTER },
            Some(VerificationError::KeyUnknown | VerificationError::Invalid) => {
                AuthenticationProblem::TokenInvalid.into()
            }
        })?;
        if !claims.aud.contains(&issuer.audience) {
            return Err(AuthenticationProblem::TokenForOthers.into());
        }
        let credential = Credential::Subject { issuer: claims.iss.into(), subject: claims.sub.into() };
        Ok(Verified {
            issuer,
            keys,
            start: claims.nbf.unwrap_or_default(),
            end: claims.exp.ok_or(AuthenticationProblem::TokenWithoutEnd)?,
            credential: Arc::new(credential),
        })
    }
}

/// The token's claims and the key set that verifies them. The error is `None` if no keys are available.
fn verified_by(
    issuer: &JwtIssuer,
    token: &str,
) -> Result<(Arc<KeySet>, TokenClaims), Option<VerificationError>> {
    let keys = issuer.keys().ok_or(None)?;
    let claims = keys.verify(token).map_err(Some)?;
    Ok((keys, claims))
}

#[async_trait]
impl Authenticator for CallerTokens {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let RequestCredentials::Bearer(token) = evidence.credentials() else { return Ok(None) };
        let credential = self.credential(token).await?;
        let caller = self.policy.load().caller(credential)?;
        Ok(Some(Identity { caller, proof: Proof::Listed }))
    }
}
