//! Who passbridge is at the provider: a software statement becomes a client id and a secret, once and for ever (reference,
//! section 5). To lose them would lose the viewers' sessions, so they are in the ledger before they are used.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{UpstreamOptions, UpstreamParts};
use crate::domain::{
    clock::Timestamp,
    error::{Error, Result, StoreError},
    id::EnvironmentName,
    port::{LedgerEntry, LedgerKey},
};

/// How long a token lasts whose answer does not say, in seconds.
pub(super) const EXPIRES_IN_DEFAULT: u64 = 3600;

const CREDENTIALS: &str = "upstream_credentials";
const TOKEN: &str = "upstream_token";

/// The software statement that an environment is registered with. Shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement(Arc<str>);

impl Statement {
    /// Takes the content of a file.
    ///
    /// # Errors
    /// Where it holds nothing.
    pub fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() { Err("holds no software statement") } else { Ok(Self(text.into())) }
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Statement(…)")
    }
}

/// What the provider knows us by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub client_id: String,
    pub client_secret: String,
    /// When we registered, for telling credentials that never worked from such that do no more.
    pub registered: Timestamp,
}

/// An access token, with what tells its age without trusting the provider's clock.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    pub access_token: String,
    /// Whose it is.
    pub client_id: String,
    pub received: Timestamp,
    /// In seconds, from when it was received.
    pub expires_in: u64,
}

impl Token {
    /// How much of its time is over, in percent.
    fn age_percent(&self, now: Timestamp) -> u128 {
        let life = u128::from(self.expires_in.max(1)) * 1000;
        now.since(self.received).as_millis() * 100 / life
    }

    /// Whether it can still be used.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.age_percent(now) < 100
    }

    /// Whether it should be renewed already.
    pub fn is_due(&self, now: Timestamp) -> bool {
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
    parts: UpstreamParts,
}

impl Vault {
    pub fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        statement: &Statement,
        parts: &UpstreamParts,
    ) -> Self {
        let digest = Sha256::digest(statement.reveal());
        let name = [environment.as_str().as_bytes(), options.url.as_str().as_bytes(), &digest].join(&0);
        Self { name, parts: parts.clone() }
    }

    /// The key of an entry of this kind that is the environment's and the statement's.
    pub fn key(&self, kind: &'static str) -> LedgerKey {
        LedgerKey { kind, name: self.name.clone() }
    }

    pub async fn credentials(&self) -> Result<Option<Kept>> {
        let kept = self.get(CREDENTIALS).await?;
        Ok(kept.map(|(credentials, sealed)| Kept { credentials, sealed }))
    }

    /// Keeps new credentials in the place of those that were there; whether it did, or others are there by now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_credentials(&self, before: Option<&Kept>, credentials: &Credentials) -> Result<bool> {
        let entry = self.sealed(CREDENTIALS, credentials, None)?;
        let before = before.map(|kept| kept.sealed.as_slice());
        Ok(self.parts.ledger.swap(&self.key(CREDENTIALS), before, Some(entry)).await?)
    }

    pub async fn token(&self) -> Result<Option<Token>> {
        Ok(self.get(TOKEN).await?.map(|(token, _)| token))
    }

    pub async fn keep_token(&self, token: &Token) -> Result<()> {
        let end = token.received + Duration::from_secs(token.expires_in);
        let entry = self.sealed(TOKEN, token, Some(end))?;
        let key = self.key(TOKEN);
        loop {
            let before = self.parts.ledger.get(&key).await?;
            let before = before.as_ref().map(|entry| entry.value.as_slice());
            if self.parts.ledger.swap(&key, before, Some(entry.clone())).await? {
                return Ok(());
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Option<(T, Vec<u8>)>> {
        let Some(entry) = self.parts.ledger.get(&self.key(kind)).await? else { return Ok(None) };
        let opened = self.parts.key_ring.open(&entry.value, &self.context(kind));
        let bytes = opened.map_err(|error| StoreError::Corrupt(format!("{kind}: {error}")))?;
        let value = postcard::from_bytes(&bytes);
        let value = value.map_err(|error| StoreError::Corrupt(format!("{kind}: {error}")))?;
        Ok(Some((value, entry.value)))
    }

    fn sealed<T: Serialize>(&self, kind: &str, value: &T, end: Option<Timestamp>) -> Result<LedgerEntry> {
        let bytes = postcard::to_allocvec(value).map_err(|error| Error::Internal(error.to_string()))?;
        let value = self.parts.key_ring.seal(&bytes, &self.context(kind), &*self.parts.randomness)?;
        Ok(LedgerEntry { value, expire_time: end })
    }

    fn context(&self, kind: &str) -> Vec<u8> {
        [kind.as_bytes(), b" ", &self.name].concat()
    }
}
