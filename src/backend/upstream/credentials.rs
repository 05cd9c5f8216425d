//! Who passbridge is at the provider: a software statement becomes a client id and a secret, once and for ever (reference,
//! section 5). To lose them would lose the viewers' sessions, so they are in the ledger before they are used.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{UpstreamOptions, UpstreamParts};
use crate::{
    auth::{KeyRing, key_ring::SealError},
    domain::{
        clock::{Clock, MonotonicInstant, SharedClock, Timestamp},
        error::Result,
        id::EnvironmentName,
        port::{Ledger, LedgerEntry, LedgerKey},
        randomness::SharedRandomness,
        secret::SecretText,
    },
    format::{self, Format, FormatError},
};

/// How long a token lasts whose answer does not say, in seconds.
pub(super) const EXPIRES_IN_DEFAULT: u64 = 3600;

const CREDENTIALS: &str = "upstream_credentials";
const TOKEN: &str = "upstream_token";

/// The software statement that an environment is registered with. Shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement(Arc<str>);

impl Statement {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&SecretText> for Statement {
    fn from(text: &SecretText) -> Self {
        Self(text.reveal().into())
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Statement(…)")
    }
}

/// What the provider knows us by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub client_id: String,
    pub client_secret: SecretText,
    /// When we registered, for telling credentials that never worked from such that do no more.
    pub registered: Timestamp,
}

/// An access token, with what tells its age without trusting the provider's clock, nor ours to stay as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub access_token: SecretText,
    /// Whose it is.
    pub client_id: String,
    pub received: MonotonicInstant,
    /// In seconds, from when it was received.
    pub expires_in: u64,
}

impl Token {
    /// How much of its time is over, in percent.
    fn age_percent(&self, now: MonotonicInstant) -> u128 {
        let life = u128::from(self.expires_in.max(1)) * 1000;
        now.since(self.received).as_millis() * 100 / life
    }

    /// How long it is good for still.
    pub(super) fn time_left(&self, now: MonotonicInstant) -> Duration {
        Duration::from_secs(self.expires_in).saturating_sub(now.since(self.received))
    }

    /// Whether it can still be used.
    pub(super) fn is_good(&self, now: MonotonicInstant) -> bool {
        self.age_percent(now) < 100
    }

    /// Whether it should be renewed already.
    pub(super) fn is_due(&self, now: MonotonicInstant) -> bool {
        self.age_percent(now) >= 80
    }
}

/// Credentials as they are in the ledger.
#[derive(Clone)]
pub(super) struct Kept {
    pub credentials: Credentials,
    sealed: Vec<u8>,
}

/// Where an environment's credentials and token are kept: sealed, under its name, the provider's origin, which nobody else's
/// secrets must reach, and the digest of its statement.
pub(super) struct Vault {
    name: Vec<u8>,
    ledger: Arc<dyn Ledger>,
    key_ring: Arc<KeyRing>,
    randomness: SharedRandomness,
    clock: SharedClock,
}

impl Vault {
    pub(super) fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        statement: &Statement,
        parts: &UpstreamParts,
    ) -> Self {
        let digest = Sha256::digest(statement.reveal());
        let name = [environment.as_str().as_bytes(), options.url.as_str().as_bytes(), &digest].join(&0);
        let UpstreamParts { ledger, key_ring, randomness, clock, .. } = parts.clone();
        Self { name, ledger, key_ring, randomness, clock }
    }

    /// The key of an entry of this kind that is the environment's and the statement's.
    pub(super) fn key(&self, kind: &'static str) -> LedgerKey {
        LedgerKey { kind, name: self.name.clone() }
    }

    pub(super) async fn credentials(&self) -> Result<Option<Kept>> {
        let Some((opened, sealed)) = self.get(CREDENTIALS).await? else { return Ok(None) };
        let credentials = readable(CREDENTIALS, opened.and_then(|bytes| Ok(decode_credentials(&bytes)?)));
        Ok(credentials.map(|credentials| Kept { credentials, sealed }))
    }

    /// Keeps new credentials in the place of those that were there, and says which are kept now: others where somebody else
    /// has kept some meanwhile.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn keep_credentials(
        &self,
        before: Option<&Kept>,
        credentials: &Credentials,
    ) -> Result<Kept> {
        let entry = self.sealed(CREDENTIALS, &encode_credentials(credentials)?, None)?;
        let own = Kept { credentials: credentials.clone(), sealed: entry.value.clone() };
        let (ledger, key) = (&self.ledger, self.key(CREDENTIALS));
        let mut before = before.map(|kept| kept.sealed.clone());
        while !ledger.swap(&key, before.as_deref(), Some(entry.clone())).await? {
            match self.credentials().await? {
                Some(theirs) => return Ok(theirs),
                // None that can be used.
                None => before = ledger.get(&key).await?.map(|entry| entry.value),
            }
        }
        Ok(own)
    }

    pub(super) async fn token(&self) -> Result<Option<Token>> {
        let Some((opened, _)) = self.get(TOKEN).await? else { return Ok(None) };
        Ok(readable(TOKEN, opened.and_then(|bytes| Ok(decode_token(&bytes, &*self.clock)?))))
    }

    pub(super) async fn keep_token(&self, token: &Token) -> Result<()> {
        let clock = &*self.clock;
        let end = clock.moment_of(token.received) + Duration::from_secs(token.expires_in);
        let entry = self.sealed(TOKEN, &encode_token(token, clock)?, Some(end))?;
        let key = self.key(TOKEN);
        loop {
            let before = self.ledger.get(&key).await?;
            let before = before.as_ref().map(|entry| entry.value.as_slice());
            if self.ledger.swap(&key, before, Some(entry.clone())).await? {
                return Ok(());
            }
        }
    }

    /// What is kept of this kind, opened and as it lies there.
    async fn get(&self, kind: &'static str) -> Result<Option<(Opened, Vec<u8>)>> {
        let Some(entry) = self.ledger.get(&self.key(kind)).await? else { return Ok(None) };
        let opened = self.key_ring.open(&entry.value, &self.context(kind));
        Ok(Some((opened.map_err(Unreadable::from), entry.value)))
    }

    fn sealed(&self, kind: &str, bytes: &[u8], end: Option<Timestamp>) -> Result<LedgerEntry> {
        let value = self.key_ring.seal(bytes, &self.context(kind), &*self.randomness)?;
        Ok(LedgerEntry { value, expire_time: end })
    }

    fn context(&self, kind: &str) -> Vec<u8> {
        [kind.as_bytes(), b" ", &self.name].concat()
    }
}

/// Why something that is kept cannot be read. Holds nothing of it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Unreadable {
    Sealed(#[from] SealError),
    Format(#[from] FormatError),
}

type Opened = std::result::Result<Vec<u8>, Unreadable>;

/// What was kept; nothing where that cannot be read, which costs a registration or a token, and not the environment.
fn readable<T>(kind: &str, read: std::result::Result<T, Unreadable>) -> Option<T> {
    read.inspect_err(
        |error| tracing::error!(kind, %error, "what is kept for an upstream cannot be read, and counts as absent"),
    )
    .ok()
}

/// Credentials before they are sealed.
#[derive(Serialize, Deserialize)]
struct CredentialsV1<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    /// In milliseconds since the Unix epoch.
    registered: u64,
}

impl Format for CredentialsV1<'_> {
    const NAME: &'static str = "upstream_credentials";
    const VERSION: u8 = 1;
}

/// A token before it is sealed.
#[derive(Serialize, Deserialize)]
struct TokenV1<'a> {
    access_token: &'a str,
    client_id: &'a str,
    /// In milliseconds since the Unix epoch.
    received: u64,
    /// In seconds.
    expires_in: u64,
}

impl Format for TokenV1<'_> {
    const NAME: &'static str = "upstream_token";
    const VERSION: u8 = 1;
}

fn encode_credentials(credentials: &Credentials) -> std::result::Result<Vec<u8>, FormatError> {
    let Credentials { client_id, client_secret, registered } = credentials;
    let client_secret = client_secret.reveal();
    format::encode(&CredentialsV1 { client_id, client_secret, registered: registered.as_millis() })
}

fn decode_credentials(bytes: &[u8]) -> std::result::Result<Credentials, FormatError> {
    let CredentialsV1 { client_id, client_secret, registered } = format::decode(bytes)?;
    Ok(Credentials {
        client_id: client_id.to_owned(),
        client_secret: client_secret.to_owned().into(),
        registered: Timestamp::from_millis(registered),
    })
}

fn encode_token(token: &Token, clock: &dyn Clock) -> std::result::Result<Vec<u8>, FormatError> {
    let Token { access_token, client_id, received, expires_in } = token;
    format::encode(&TokenV1 {
        access_token: access_token.reveal(),
        client_id,
        received: clock.moment_of(*received).as_millis(),
        expires_in: *expires_in,
    })
}

fn decode_token(bytes: &[u8], clock: &dyn Clock) -> std::result::Result<Token, FormatError> {
    let TokenV1 { access_token, client_id, received, expires_in } = format::decode(bytes)?;
    Ok(Token {
        access_token: access_token.to_owned().into(),
        client_id: client_id.to_owned(),
        received: clock.instant_of(Timestamp::from_millis(received)),
        expires_in,
    })
}

#[cfg(test)]
mod tests;
