//! Callers that the configuration lists, by the token that they send: a static one, or a JWT of an issuer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quick_cache::sync::Cache;

use super::{
    Authenticator, Credentials, Evidence, Identity, Proof,
    issuer::{Issuer, Issuers},
};
use crate::{
    auth::key_set::{self, KeySet, TokenClaims, Unverified},
    domain::{
        authentication::AuthenticationProblem,
        clock::SharedClock,
        credential::{Credential, TokenHash},
        error::{Error, Result},
    },
    service::policy::SharedPolicy,
};

/// How far an issuer's clock may be from ours, in seconds.
const LEEWAY: f64 = 60.0;

/// The longest JWT that is looked at, in bytes.
const TOKEN_MAX: usize = 12 * 1024;

/// How many JWTs are remembered as genuine, so that a caller pays for the cryptography once.
const REMEMBERED: usize = 10_000;

/// When it may be worth another try where an issuer's keys are not there.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Takes the tokens of callers. A call that sends a token is decided here alone.
pub(crate) struct CallerTokens {
    policy: SharedPolicy,
    issuers: Issuers,
    clock: SharedClock,
    verified: Cache<TokenHash, Arc<Verified>>,
}

/// A JWT whose signature was found right. Whether it is still good is asked each time.
struct Verified {
    issuer: Arc<Issuer>,
    /// By one of which it was signed.
    keys: Arc<KeySet>,
    /// From when on it is good, and until when, in seconds since the Unix epoch; leeway not counted.
    start: f64,
    end: f64,
    credential: Arc<Credential>,
}

impl CallerTokens {
    /// Those of the callers that this policy has, and of these issuers.
    #[must_use]
    pub(crate) fn new(policy: SharedPolicy, issuers: Issuers, clock: SharedClock) -> Self {
        Self { policy, issuers, clock, verified: Cache::new(REMEMBERED) }
    }

    /// What the token proves.
    async fn credential(&self, token: &str) -> Result<Arc<Credential>> {
        // Looking for the hash takes no longer for a token that is nearly right.
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

    /// What a token proves that was verified before; nothing where it must be verified again.
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
        if matches!(outcome, Err(None | Some(Unverified::KeyUnknown))) {
            issuer.read_again().await;
            outcome = verified_by(&issuer, token);
        }
        let (keys, claims) = outcome.map_err(|problem| match problem {
            None => Error::IssuerUnavailable { retry_after: RETRY_AFTER },
            Some(Unverified::KeyUnknown | Unverified::Invalid) => AuthenticationProblem::TokenInvalid.into(),
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

/// What a token says, and by whose keys that is known; no problem is told where no keys are there.
fn verified_by(issuer: &Issuer, token: &str) -> Result<(Arc<KeySet>, TokenClaims), Option<Unverified>> {
    let keys = issuer.keys().ok_or(None)?;
    let claims = keys.verify(token).map_err(Some)?;
    Ok((keys, claims))
}

#[async_trait]
impl Authenticator for CallerTokens {
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let Credentials::Bearer(token) = evidence.credentials() else { return Ok(None) };
        let credential = self.credential(token).await?;
        let caller = self.policy.load().caller(credential)?;
        Ok(Some(Identity { caller, proof: Proof::Listed }))
    }
}
