//! Copies the store of one configuration to the store of another.

use super::{
    AppDependencies, StartError,
    services::open_secrets,
    store::{self, AuditDestination, OpenStore},
};
use crate::{
    config::{Config, StoreKind, ValidConfig},
    domain::error::Error,
    service::{
        master_key::MasterKey,
        operator::Operator,
        store_copy::{self, CopyError, CopyReport, CopySide, StoreCopy},
    },
    store::embedded::EmbeddedStore,
};

/// The minimum for `store.max_in_flight`. A copy limits its own concurrency.
const CALLS: u32 = 4_096;

/// The copy failed or is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum CopyStoreError {
    /// The source's configuration or store is unusable.
    #[error("--from: {0}")]
    From(StartError),
    /// The source is empty.
    #[error(
        "--from: no passbridge server has ever used this configuration's store; check its section [store]"
    )]
    Unused,
    /// The target's configuration or store is unusable.
    #[error("--to: {0}")]
    To(StartError),
    /// The copy itself failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// An open store and its configuration.
struct OpenedStore {
    valid: ValidConfig,
    store: OpenStore,
    side: CopySide,
}

impl OpenedStore {
    async fn open(config: Config, dependencies: &AppDependencies) -> Result<Self, StartError> {
        let mut valid = ValidConfig::read(config)?;
        valid.written.store.max_in_flight = valid.written.store.max_in_flight.max(CALLS);
        let store = OpenStore::open(&valid, dependencies).await?;
        let ports = store.ports();
        let secrets = open_secrets(&valid, &ports, &dependencies.randomness).await?;
        let side = CopySide { store: ports, secrets, clock: store.clock(&dependencies.clock) };
        Ok(Self { valid, store, side })
    }
}

/// Copies everything in the store of `from` to the store of `to`, which must be empty or the target of an interrupted
/// copy, and compares both. Neither store may be in use.
///
/// # Errors
/// The reason that the copy is incomplete. What was copied stays, and the next call resumes.
pub async fn copy_store(from: Config, to: Config) -> Result<CopyReport, CopyStoreError> {
    let dependencies = AppDependencies::default();
    if from.store.kind == StoreKind::Embedded && !EmbeddedStore::is_at(&from.store.path) {
        return Err(CopyStoreError::Unused);
    }
    // Report every problem of the source before changing the target.
    let source = OpenedStore::open(from, &dependencies).await.map_err(CopyStoreError::From)?;
    let master_key = master_key(&source.side).await?;
    let target = OpenedStore::open(to, &dependencies).await.map_err(CopyStoreError::To)?;
    let config = &target.valid.written;
    let place =
        AuditDestination { stream: target.store.audit_stream(config.audit.stream_length), is_server: false };
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

/// The source's master key. Fails if the source itself is an incomplete copy.
async fn master_key(source: &CopySide) -> Result<MasterKey, CopyStoreError> {
    let failed = |error: Error| CopyStoreError::From(error.into());
    if store_copy::is_unfinished(&*source.store.ledger).await.map_err(failed)? {
        return Err(CopyStoreError::From(StartError::UnfinishedCopy));
    }
    MasterKey::find(&source.secrets).await.map_err(failed)?.ok_or(CopyStoreError::Unused)
}
