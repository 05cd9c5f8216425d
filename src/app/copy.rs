//! Copying the store of one configuration to that of another.

use super::{
    StartError, Surroundings,
    services::open_secrets,
    store::{self, AuditPlace, OpenStore},
};
use crate::{
    config::{Config, StoreKind, ValidConfig},
    domain::error::Error,
    service::{
        master_key::MasterKey,
        operator::Operator,
        store_copy::{self, Copied, CopyError, Side, StoreCopy},
    },
    store::embedded::EmbeddedStore,
};

/// How many calls to a store may be under way at least: a copy bounds them itself.
const CALLS: u32 = 4_096;

/// Why a store was not copied, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum CopyStoreError {
    /// The configuration or the store of the source cannot be used.
    #[error("--from: {0}")]
    From(StartError),
    /// There is nothing to copy.
    #[error(
        "--from: no passbridge server has ever used the store of this configuration; look at its section [store]"
    )]
    Unused,
    /// The configuration or the store of the target cannot be used.
    #[error("--to: {0}")]
    To(StartError),
    /// Whatever the copy met.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// A store that is open, and what it was opened by.
struct Opened {
    valid: ValidConfig,
    store: OpenStore,
    side: Side,
}

impl Opened {
    async fn open(config: Config, surroundings: &Surroundings) -> Result<Self, StartError> {
        let mut valid = ValidConfig::read(config)?;
        valid.written.store.max_in_flight = valid.written.store.max_in_flight.max(CALLS);
        let store = OpenStore::open(&valid, surroundings).await?;
        let ports = store.ports();
        let secrets = open_secrets(&valid, &ports, &surroundings.randomness).await?;
        let side = Side { store: ports, secrets, clock: store.clock(&surroundings.clock) };
        Ok(Self { valid, store, side })
    }
}

/// Copies all that the store of `from` holds to that of `to`, which has to be empty, or a copy that was broken off; then
/// compares both. Nobody may use either meanwhile.
///
/// # Errors
/// What keeps the copy from being whole. What was copied stays, and the next call goes on.
pub async fn copy_store(from: Config, to: Config) -> Result<Copied, CopyStoreError> {
    let surroundings = Surroundings::default();
    if from.store.kind == StoreKind::Embedded && !EmbeddedStore::is_at(&from.store.path) {
        return Err(CopyStoreError::Unused);
    }
    // Whatever is wrong with the source is told before anything is done at the target.
    let source = Opened::open(from, &surroundings).await.map_err(CopyStoreError::From)?;
    let master_key = master_key(&source.side).await?;
    let target = Opened::open(to, &surroundings).await.map_err(CopyStoreError::To)?;
    let config = &target.valid.written;
    let place =
        AuditPlace { stream: target.store.audit_stream(config.audit.stream_length), is_server: false };
    let limits = &target.side.store.limits;
    let audit = store::audit_log(config, &target.side.clock, limits, place, &master_key);
    let audit = audit.map_err(|error| CopyStoreError::To(error.into()))?;
    let copy = StoreCopy { from: source.side, to: target.side, master_key, audit };
    let copied = copy.run(&Operator::by_command(rustix::process::getuid().as_raw())).await;
    let closed = copy.to.store.health.close().await;
    let copied = copied?;
    closed.map_err(|error| CopyStoreError::To(error.into()))?;
    copy.from.store.health.close().await.map_err(|error| CopyStoreError::From(error.into()))?;
    Ok(copied)
}

/// The source's, which is whole.
async fn master_key(source: &Side) -> Result<MasterKey, CopyStoreError> {
    let failed = |error: Error| CopyStoreError::From(error.into());
    if store_copy::is_unfinished(&*source.store.ledger).await.map_err(failed)? {
        return Err(CopyStoreError::From(StartError::UnfinishedCopy));
    }
    MasterKey::find(&source.secrets).await.map_err(failed)?.ok_or(CopyStoreError::Unused)
}
