//! Who passbridge is at the provider: a software statement becomes a client id and a secret, once and for ever (reference,
//! section 5). To lose them would lose the viewers' sessions, so they are in the ledger before they are used.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::UpstreamParts;
use crate::domain::{
    clock::Timestamp,
    error::{Error, Result, StoreError},
    id::EnvironmentName,
    port::{LedgerEntry, LedgerKey},
};

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

/// Where an environment's credentials and token are kept: sealed, under its name and the digest of its statement.
pub(super) struct Vault {
    name: Vec<u8>,
    parts: UpstreamParts,
}

impl Vault {
    pub fn new(environment: &EnvironmentName, statement: &Statement, parts: &UpstreamParts) -> Self {
        let mut name = environment.as_str().as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(&Sha256::digest(statement.reveal()));
        Self { name, parts: parts.clone() }
    }

    /// The key of an entry of this kind that is the environment's and the statement's.
    pub fn key(&self, kind: &'static str) -> LedgerKey {
        LedgerKey { kind, name: self.name.clone() }
    }

    pub async fn credentials(&self) -> Result<Option<Credentials>> {
        self.get(CREDENTIALS).await
    }

    pub async fn keep_credentials(&self, credentials: &Credentials) -> Result<()> {
        self.put(CREDENTIALS, credentials, None).await
    }

    pub async fn token(&self) -> Result<Option<Token>> {
        self.get(TOKEN).await
    }

    pub async fn keep_token(&self, token: &Token) -> Result<()> {
        let end = token.received + std::time::Duration::from_secs(token.expires_in);
        self.put(TOKEN, token, Some(end)).await
    }

    async fn get<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Option<T>> {
        let Some(entry) = self.parts.ledger.get(&self.key(kind)).await? else { return Ok(None) };
        let opened = self.parts.key_ring.open(&entry.value, &self.context(kind));
        let bytes = opened.map_err(|error| StoreError::Corrupt(format!("{kind}: {error}")))?;
        let value = postcard::from_bytes(&bytes);
        value.map(Some).map_err(|error| StoreError::Corrupt(format!("{kind}: {error}")).into())
    }

    /// Only who has the lease writes, so that nobody's is overwritten.
    async fn put<T: Serialize>(&self, kind: &'static str, value: &T, end: Option<Timestamp>) -> Result<()> {
        let bytes = postcard::to_allocvec(value).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed = self.parts.key_ring.seal(&bytes, &self.context(kind), &*self.parts.randomness)?;
        let key = self.key(kind);
        loop {
            let before = self.parts.ledger.get(&key).await?;
            let entry = LedgerEntry { value: sealed.clone(), expire_time: end };
            let before = before.as_ref().map(|entry| entry.value.as_slice());
            if self.parts.ledger.swap(&key, before, Some(entry)).await? {
                return Ok(());
            }
        }
    }

    fn context(&self, kind: &str) -> Vec<u8> {
        [kind.as_bytes(), b" ", &self.name].concat()
    }
}
