//! The client credentials at the provider: a client id and secret, obtained once with the software statement
//! (reference, section 5). Losing them would end the viewers' logins, so they are stored in the ledger before they are
//! used.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{UpstreamDependencies, UpstreamOptions};
use crate::{
    auth::{SealedLedger, SecretKind, key_ring::SealError},
    domain::{
        clock::{Clock, MonotonicInstant, SharedClock, Timestamp},
        error::Result,
        id::{DeviceId, EnvironmentName},
        ledger_kind::LedgerKind,
        port::LedgerKey,
        secret::SecretText,
    },
    format::{self, FormatError, StoredFormat},
};

/// The lifetime of a token whose response has no `expires_in`, in seconds.
pub(super) const EXPIRES_IN_DEFAULT: u64 = 3600;

/// The ledger kinds of a client's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CredentialKinds {
    credentials: SecretKind,
    token: SecretKind,
}

const OF_SERVER: CredentialKinds =
    CredentialKinds { credentials: SecretKind::UpstreamCredentials, token: SecretKind::UpstreamToken };
const OF_DEVICE: CredentialKinds =
    CredentialKinds { credentials: SecretKind::DeviceCredentials, token: SecretKind::DeviceToken };

/// The software statement with which an environment registers. Debug output withholds it.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredStatement(Arc<str>);

impl RegisteredStatement {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&SecretText> for RegisteredStatement {
    fn from(text: &SecretText) -> Self {
        Self(text.reveal().into())
    }
}

impl fmt::Debug for RegisteredStatement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Statement(…)")
    }
}

/// The credentials of a client at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientCredentials {
    pub client_id: String,
    pub client_secret: SecretText,
    /// The time of the registration. It distinguishes credentials that never worked from those that no longer work.
    pub registered: Timestamp,
}

/// An access token. Its age is measured by the monotonic clock, independent of the provider's clock and of changes of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProviderToken {
    pub access_token: SecretText,
    /// The client to which it was issued.
    pub client_id: String,
    pub received: MonotonicInstant,
    /// In seconds from `received`.
    pub expires_in: u64,
}

impl ProviderToken {
    /// The elapsed part of its lifetime, in percent.
    fn age_percent(&self, now: MonotonicInstant) -> u128 {
        let life = u128::from(self.expires_in.max(1)) * 1000;
        now.since(self.received).as_millis() * 100 / life
    }

    /// Returns the remaining lifetime.
    pub(super) fn time_left(&self, now: MonotonicInstant) -> Duration {
        Duration::from_secs(self.expires_in).saturating_sub(now.since(self.received))
    }

    /// Reports whether the token is valid.
    pub(super) fn is_valid(&self, now: MonotonicInstant) -> bool {
        self.age_percent(now) < 100
    }

    /// Reports whether the token should be renewed: after 80 % of its lifetime.
    pub(super) fn is_due(&self, now: MonotonicInstant) -> bool {
        self.age_percent(now) >= 80
    }
}

/// Stored credentials, with their sealed form for compare-and-swap.
#[derive(Clone)]
pub(super) struct StoredCredentials {
    pub credentials: ClientCredentials,
    sealed: Vec<u8>,
}

/// The sealed storage of a client's credentials and token. The key contains the environment's name, the provider's
/// origin (secrets of another provider must never reach it), the digest of the statement, and for a device's client the
/// digest of the device id.
pub(super) struct CredentialVault {
    kinds: CredentialKinds,
    name: Vec<u8>,
    secrets: Arc<SealedLedger>,
    clock: SharedClock,
}

impl CredentialVault {
    pub(super) fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        statement: &RegisteredStatement,
        parts: &UpstreamDependencies,
    ) -> Self {
        let digest = Sha256::digest(statement.reveal());
        let name = [environment.as_str().as_bytes(), options.url.as_str().as_bytes(), &digest].join(&0);
        let (secrets, clock) = (Arc::clone(&parts.secrets), Arc::clone(&parts.clock));
        Self { kinds: OF_SERVER, name, secrets, clock }
    }

    /// Returns the vault of a device's client.
    pub(super) fn of_device(&self, device: &DeviceId) -> Self {
        let digest = Sha256::digest(device.as_str());
        let (secrets, clock) = (Arc::clone(&self.secrets), Arc::clone(&self.clock));
        Self { kinds: OF_DEVICE, name: [self.name.as_slice(), &digest].join(&0), secrets, clock }
    }

    /// Reports whether the client is a device's.
    pub(super) fn is_of_device(&self) -> bool {
        self.kinds == OF_DEVICE
    }

    /// Returns the client's ledger key of this kind.
    pub(super) fn key(&self, kind: LedgerKind) -> LedgerKey {
        LedgerKey { kind, name: self.name.clone() }
    }

    pub(super) async fn credentials(&self) -> Result<Option<StoredCredentials>> {
        let Some(stored) = self.secrets.get(self.kinds.credentials, &self.name).await? else {
            return Ok(None);
        };
        let credentials = readable(self.kinds.credentials, stored.opened, decode_credentials);
        Ok(credentials.map(|credentials| StoredCredentials { credentials, sealed: stored.sealed }))
    }

    /// Replaces the credentials `before` with new ones. Returns the credentials that are stored now, which are another
    /// replica's if it stored some in the meantime.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn store_credentials(
        &self,
        before: Option<&StoredCredentials>,
        credentials: &ClientCredentials,
    ) -> Result<StoredCredentials> {
        let (secrets, name) = (&self.secrets, &self.name);
        let secret = encode_credentials(credentials)?;
        let mut sealed = before.map(|stored| stored.sealed.clone());
        loop {
            if let Some(sealed) =
                secrets.swap(self.kinds.credentials, name, sealed.as_deref(), &secret, None).await?
            {
                return Ok(StoredCredentials { credentials: credentials.clone(), sealed });
            }
            sealed = match self.credentials().await? {
                // Unchanged, only sealed again by a key rotation.
                Some(same) if before.is_some_and(|before| before.credentials == same.credentials) => {
                    Some(same.sealed)
                }
                Some(others) => return Ok(others),
                // Absent or unreadable.
                None => secrets.get(self.kinds.credentials, name).await?.map(|stored| stored.sealed),
            };
        }
    }

    pub(super) async fn token(&self) -> Result<Option<ProviderToken>> {
        let Some(stored) = self.secrets.get(self.kinds.token, &self.name).await? else { return Ok(None) };
        Ok(readable(self.kinds.token, stored.opened, |bytes| decode_token(bytes, &*self.clock)))
    }

    pub(super) async fn store_token(&self, token: &ProviderToken) -> Result<()> {
        let clock = &*self.clock;
        let end = clock.moment_of(token.received) + Duration::from_secs(token.expires_in);
        let secret = encode_token(token, clock)?;
        loop {
            let before = self.secrets.get(self.kinds.token, &self.name).await?;
            let before = before.as_ref().map(|stored| stored.sealed.as_slice());
            if self.secrets.swap(self.kinds.token, &self.name, before, &secret, Some(end)).await?.is_some() {
                return Ok(());
            }
        }
    }
}

/// The reason why a stored secret cannot be read. Contains no part of it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum CredentialReadError {
    Sealed(#[from] SealError),
    Format(#[from] FormatError),
}

/// Decodes a stored secret. An unreadable one is treated as absent: that costs a registration or a token, but the environment
/// stays usable.
fn readable<T>(
    kind: SecretKind,
    opened: std::result::Result<Vec<u8>, SealError>,
    decode: impl FnOnce(&[u8]) -> std::result::Result<T, FormatError>,
) -> Option<T> {
    let read = opened.map_err(CredentialReadError::from).and_then(|bytes| Ok(decode(&bytes)?));
    read.inspect_err(|error| {
        let kind = kind.ledger_kind().as_str();
        tracing::error!(kind, %error, "stored upstream secret cannot be read, treated as absent");
    })
    .ok()
}

/// The plaintext of sealed credentials.
#[derive(Serialize, Deserialize)]
struct CredentialsV1<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    /// In milliseconds since the Unix epoch.
    registered: u64,
}

impl StoredFormat for CredentialsV1<'_> {
    const NAME: &'static str = "upstream_credentials";
    const VERSION: u8 = 1;
}

/// The plaintext of a sealed token.
#[derive(Serialize, Deserialize)]
struct TokenV1<'a> {
    access_token: &'a str,
    client_id: &'a str,
    /// In milliseconds since the Unix epoch.
    received: u64,
    /// In seconds.
    expires_in: u64,
}

impl StoredFormat for TokenV1<'_> {
    const NAME: &'static str = "upstream_token";
    const VERSION: u8 = 1;
}

fn encode_credentials(credentials: &ClientCredentials) -> std::result::Result<Vec<u8>, FormatError> {
    let ClientCredentials { client_id, client_secret, registered } = credentials;
    let client_secret = client_secret.reveal();
    format::encode(&CredentialsV1 { client_id, client_secret, registered: registered.as_millis() })
}

fn decode_credentials(bytes: &[u8]) -> std::result::Result<ClientCredentials, FormatError> {
    let CredentialsV1 { client_id, client_secret, registered } = format::decode(bytes)?;
    Ok(ClientCredentials {
        client_id: client_id.to_owned(),
        client_secret: client_secret.to_owned().into(),
        registered: Timestamp::from_millis(registered),
    })
}

fn encode_token(token: &ProviderToken, clock: &dyn Clock) -> std::result::Result<Vec<u8>, FormatError> {
    let ProviderToken { access_token, client_id, received, expires_in } = token;
    format::encode(&TokenV1 {
        access_token: access_token.reveal(),
        client_id,
        received: clock.moment_of(*received).as_millis(),
        expires_in: *expires_in,
    })
}

fn decode_token(bytes: &[u8], clock: &dyn Clock) -> std::result::Result<ProviderToken, FormatError> {
    let TokenV1 { access_token, client_id, received, expires_in } = format::decode(bytes)?;
    Ok(ProviderToken {
        access_token: access_token.to_owned().into(),
        client_id: client_id.to_owned(),
        received: clock.instant_of(Timestamp::from_millis(received)),
        expires_in,
    })
}

#[cfg(test)]
mod tests;
