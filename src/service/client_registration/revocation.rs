//! Revocation: by statement, by client, or of everything issued before a point in time.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use uuid::Uuid;

use super::{ClientRegistrationService, claims::ClientClaims};
use crate::{
    auth::{Purpose, software_statement},
    domain::{
        clock::Timestamp,
        error::{Error, Result, StoreError, Violation},
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerEntry, LedgerKey},
    },
    format::MarkV1,
};

pub(super) const KIND: LedgerKind = LedgerKind::Revocation;
const STATEMENT: &str = "statement:";
const CLIENT: &str = "client:";
const ISSUED_BEFORE: &str = "issued_before";

/// The start of every JWT: base64 of `{"`.
const JWT_BEGIN: &str = "eyJ";

/// The maximum length of a statement's id, in bytes.
const STATEMENT_ID_MAX: usize = 512;

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// The statement with this id (`jti`), its clients and their tokens.
    Statement(String),
    /// The client with this id, and its tokens.
    Client(Uuid),
    /// Every client id and token issued before this time. Statements stay valid, so devices register again on their
    /// own.
    IssuedBefore(Timestamp),
}

/// All revocations, in memory.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    statements: HashSet<String>,
    clients: HashSet<Uuid>,
    issued_before: u64,
}

impl Revocations {
    pub(super) async fn load(ledger: &dyn Ledger) -> Result<Self> {
        let mut all = Self::default();
        let mut entries = ledger.scan(KIND);
        while let Some((name, entry)) = entries.try_next().await? {
            all.add(read(&name, &entry.value)?);
        }
        Ok(all)
    }

    pub(super) fn has_statement(&self, id: &str) -> bool {
        self.statements.contains(id)
    }

    /// Whether a client registered at this millisecond is revoked, or its statement is.
    pub(super) fn has_client(&self, statement: &str, client: Uuid, registered: u64) -> bool {
        self.has_statement(statement) || self.clients.contains(&client) || self.has_time(registered)
    }

    /// Whether everything issued at this millisecond is revoked.
    pub(super) fn has_time(&self, issued: u64) -> bool {
        issued < self.issued_before
    }

    fn add(&mut self, revocation: Revocation) {
        match revocation {
            Revocation::Statement(id) => drop(self.statements.insert(id)),
            Revocation::Client(id) => drop(self.clients.insert(id)),
            Revocation::IssuedBefore(time) => {
                self.issued_before = self.issued_before.max(time.as_millis());
            }
        }
    }
}

impl ClientRegistrationService {
    /// Revokes permanently: here for all subsequent calls, at other replicas soon after.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn revoke(&self, revocation: Revocation) -> Result<()> {
        let ledger = &*self.parts().ledger;
        let (key, value) = write(&revocation);
        let entry = LedgerEntry { value, expire_time: None };
        match &revocation {
            Revocation::Statement(_) | Revocation::Client(_) => {
                ledger.put_if_absent(&key, entry).await?;
            }
            Revocation::IssuedBefore(_) => loop {
                let before = ledger.get(&key).await?;
                let value = before.as_ref().map(|entry| entry.value.as_slice());
                // Times are big-endian, so the later time is the greater value. The stored time only increases.
                if value.is_some_and(|value| value >= entry.value.as_slice())
                    || ledger.swap(&key, value, Some(entry.clone())).await?
                {
                    break;
                }
            },
        }
        // The ledger notifies the other replicas. This one must apply it before the next call.
        self.inner.revocations.refresh().await
    }

    /// The revocation of a statement, given itself or its id.
    ///
    /// # Errors
    /// If the text is neither. A truncated statement must not be treated as the id of another statement.
    pub fn statement_revocation(&self, text: &str) -> std::result::Result<Revocation, Violation> {
        let text = text.trim();
        if let Some(genuine) = self.genuine(text) {
            return Ok(Revocation::Statement(genuine.id));
        }
        let is_id = (1..=STATEMENT_ID_MAX).contains(&text.len()) && !software_statement::is_jwt(text);
        let is_id = is_id && !text.contains(char::is_whitespace) && !text.starts_with(JWT_BEGIN);
        if is_id {
            return Ok(Revocation::Statement(text.to_owned()));
        }
        Err(Violation::new(
            "statement",
            "must be a statement with a valid signature or the id (jti) of one; check that it is complete and comes from this \
             installation",
        ))
    }

    /// The revocation of everything issued before a time. `None` is the current time.
    ///
    /// # Errors
    /// If the time is in the future: everything issued until then would be rejected, and a revocation cannot be undone.
    pub fn time_revocation(&self, time: Option<Timestamp>) -> std::result::Result<Revocation, Violation> {
        let now = self.parts().clock.now();
        match time {
            Some(time) if time > now => {
                Err(Violation::new("issued-before", "must not be in the future; the latest time is `now`"))
            }
            time => Ok(Revocation::IssuedBefore(time.unwrap_or(now))),
        }
    }

    /// The revocation of a client, given its client id or the id's `jti`.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn client_revocation(&self, client_id: &str) -> std::result::Result<Revocation, Violation> {
        let claims = self.inner.keys.verify::<ClientClaims>(Purpose::ClientId, client_id);
        let id = claims.map(|claims| claims.jti).or_else(|| Uuid::try_parse(client_id).ok());
        id.map(Revocation::Client)
            .ok_or_else(|| Violation::new("client", "must be a client id of this server or the UUID of one"))
    }
}

fn write(revocation: &Revocation) -> (LedgerKey, Vec<u8>) {
    let (name, value) = match revocation {
        Revocation::Statement(id) => (format!("{STATEMENT}{id}"), MarkV1::encode()),
        Revocation::Client(id) => (format!("{CLIENT}{id}"), MarkV1::encode()),
        Revocation::IssuedBefore(time) => (ISSUED_BEFORE.to_owned(), encode_time(*time)),
    };
    (LedgerKey { kind: KIND, name: name.into_bytes() }, value)
}

fn read(name: &[u8], value: &[u8]) -> Result<Revocation> {
    let corrupt = || Error::from(StoreError::Corrupt("a revocation".to_owned()));
    let name = std::str::from_utf8(name).map_err(|_| corrupt())?;
    if let Some(id) = name.strip_prefix(STATEMENT) {
        Ok(Revocation::Statement(id.to_owned()))
    } else if let Some(id) = name.strip_prefix(CLIENT) {
        Uuid::try_parse(id).map(Revocation::Client).map_err(|_| corrupt())
    } else if name == ISSUED_BEFORE {
        decode_time(value).map(Revocation::IssuedBefore).ok_or_else(corrupt)
    } else {
        Err(corrupt())
    }
}

/// The version byte of a stored time. Milliseconds since the Unix epoch follow, as eight big-endian bytes.
const TIME_VERSION: u8 = 1;

fn encode_time(time: Timestamp) -> Vec<u8> {
    [&[TIME_VERSION], time.as_millis().to_be_bytes().as_slice()].concat()
}

fn decode_time(value: &[u8]) -> Option<Timestamp> {
    let (version, millis) = value.split_first()?;
    let millis = u64::from_be_bytes(millis.try_into().ok()?);
    (*version == TIME_VERSION).then(|| Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::ManualClock,
        format::golden,
        store::embedded::{EmbeddedOptions, EmbeddedStore},
    };

    #[test]
    fn the_format_of_revocation_names_is_pinned() {
        let all = [
            Revocation::Statement("a statement".to_owned()),
            Revocation::Client(Uuid::from_u128(7)),
            Revocation::IssuedBefore(Timestamp::from_millis(7)),
        ];
        let names = all.map(|revocation| {
            let (key, value) = write(&revocation);
            assert_eq!(read(&key.name, &value).expect("readable"), revocation);
            String::from_utf8(key.name).expect("text") + "\n"
        });
        golden::check_text("revocation_names", 1, &names.concat());
    }

    #[tokio::test]
    async fn an_unreadable_revocation_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let options = EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock) };
        let ledger = EmbeddedStore::open(options).expect("opens").ports().ledger;
        let key = LedgerKey { kind: KIND, name: ISSUED_BEFORE.as_bytes().to_vec() };
        let entry = LedgerEntry { value: b"what".to_vec(), expire_time: None };
        ledger.put_if_absent(&key, entry).await.expect("works");
        let error = Revocations::load(&*ledger).await.expect_err("unreadable");
        assert!(error.operator_message().contains("a revocation"), "{error}");
    }

    #[test]
    fn the_format_of_a_revocation_by_time_is_pinned() {
        let time = Timestamp::from_millis(1_763_000_000_123);
        let decode = |bytes: &[u8]| decode_time(bytes).ok_or("unreadable");
        golden::check("revocation_time", TIME_VERSION, &encode_time(time), decode, &time);
    }
}
