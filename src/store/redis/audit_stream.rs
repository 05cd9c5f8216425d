//! The audit log as a stream in the engine, shared by all processes.

use async_trait::async_trait;

use super::{RedisStore, key, script::EngineCall};
use crate::domain::port::{AuditSink, StoreResult};

/// The audit log's stream. It keeps about `length` entries.
pub(crate) struct AuditStream {
    store: RedisStore,
    length: u64,
}

impl RedisStore {
    /// The audit log's stream, which drops its oldest entries when it has more than about `length`.
    #[must_use]
    pub(crate) fn audit_stream(&self, length: u64) -> AuditStream {
        AuditStream { store: self.clone(), length }
    }
}

#[async_trait]
impl AuditSink for AuditStream {
    async fn append(&self, entry: Vec<u8>) -> StoreResult<()> {
        // `~` allows the engine to drop only whole nodes of the stream, which is much cheaper.
        let add = EngineCall::command("XADD", [key::AUDIT.to_vec()])
            .arg("MAXLEN")
            .arg("~")
            .number(self.length)
            .arg("*")
            .arg("entry")
            .arg(entry);
        self.store.engine().call::<String>(add).await.map(drop)
    }
}
