//! The audit log as a stream in the engine, to which all processes write.

use async_trait::async_trait;

use super::{RedisStore, key, script::Call};
use crate::domain::port::{AuditSink, StoreResult};

/// The stream, of about so many entries.
pub(crate) struct AuditStream {
    store: RedisStore,
    length: u64,
}

impl RedisStore {
    /// The stream, which forgets its oldest entries when it is longer than `length`.
    #[must_use]
    pub(crate) fn audit_stream(&self, length: u64) -> AuditStream {
        AuditStream { store: self.clone(), length }
    }
}

#[async_trait]
impl AuditSink for AuditStream {
    async fn append(&self, entry: Vec<u8>) -> StoreResult<()> {
        // `~`: whole nodes of the stream go, which costs next to nothing.
        let add = Call::command("XADD", [key::AUDIT.to_vec()])
            .arg("MAXLEN")
            .arg("~")
            .number(self.length)
            .arg("*")
            .arg("entry")
            .arg(entry);
        self.store.engine().call::<String>(add).await.map(drop)
    }
}
