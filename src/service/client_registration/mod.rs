//! This server's dynamic client registration: software statement → client id and secret → access token (RFC 7591, RFC
//! 6749 section 4.4).
//!
//! Millions of devices register, so the server stores nothing per client. Statements, client ids and access tokens are
//! signed and carry their grants. A client's secret is derived from its id. Revocations are a short list in memory, so
//! that no call reads the store.

mod access_token;
mod claims;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod register;
mod revocation;
mod revocation_list;
mod statement;

use std::sync::Arc;

use super::{master_key::MasterKey, policy::SharedPolicy};
use crate::{
    auth::SigningKeys,
    domain::{clock::SharedClock, error::Result, port::Ledger, randomness::SharedRandomness},
};

pub(crate) use access_token::IssueToken;
pub(crate) use error::{OAuthError, OAuthErrorCode};
pub(crate) use register::RegisterClient;
pub(crate) use revocation::Revocation;
pub(crate) use statement::MintStatement;

use access_token::VerifiedTokens;
use revocation_list::RevocationList;

/// The use cases of registered clients. A cheap handle.
#[derive(Clone)]
pub struct ClientRegistrationService {
    inner: Arc<ClientRegistrationState>,
}

/// The dependencies of the use cases.
pub struct ClientRegistrationDependencies {
    /// Where revocations are stored.
    pub ledger: Arc<dyn Ledger>,
    /// The master key that the signing keys are derived from.
    pub master_key: Arc<MasterKey>,
    /// The operator's configuration.
    pub policy: SharedPolicy,
    /// The clock.
    pub clock: SharedClock,
    /// Randomness for ids.
    pub randomness: SharedRandomness,
}

struct ClientRegistrationState {
    parts: ClientRegistrationDependencies,
    keys: SigningKeys,
    revocations: Arc<RevocationList>,
    verified: VerifiedTokens,
}

impl ClientRegistrationService {
    /// Creates the use cases. Reads the revocations now, and whenever they change, in a task.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`](crate::domain::error::Error::StoreUnavailable).
    pub async fn open(parts: ClientRegistrationDependencies) -> Result<Self> {
        let keys = SigningKeys::derive(parts.master_key.as_bytes());
        let revocations = RevocationList::open(&parts.ledger, &parts.clock).await?;
        let verified = VerifiedTokens::default();
        Ok(Self { inner: Arc::new(ClientRegistrationState { parts, keys, revocations, verified }) })
    }

    fn parts(&self) -> &ClientRegistrationDependencies {
        &self.inner.parts
    }

    fn now_seconds(&self) -> u64 {
        self.parts().clock.now().as_millis() / 1000
    }
}

impl std::fmt::Debug for ClientRegistrationService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ClientRegistrationService").finish_non_exhaustive()
    }
}
