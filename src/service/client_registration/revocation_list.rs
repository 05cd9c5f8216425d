//! The ledger's revocations in memory, so that verifying a token does not read the store.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use futures_util::StreamExt;
use tokio::sync::Mutex;

use super::revocation::{KIND, Revocations};
use crate::domain::{
    clock::SharedClock,
    error::Result,
    port::{Ledger, Signals},
};

/// The pause before reading the revocations again after a failure.
const RETRY: Duration = Duration::from_secs(10);

/// The revocations as last read.
pub(super) struct RevocationList {
    ledger: Arc<dyn Ledger>,
    present: ArcSwap<Revocations>,
    /// Serializes reads: otherwise an earlier read could overwrite the result of a later one.
    reading: Mutex<()>,
}

impl RevocationList {
    /// Reads the revocations now, and whenever the ledger signals a change by any replica.
    pub(super) async fn open(ledger: &Arc<dyn Ledger>, clock: &SharedClock) -> Result<Arc<Self>> {
        // Subscribe before the first read, so that no change is missed.
        let signals = ledger.watch(KIND).await?;
        let present = ArcSwap::from_pointee(Revocations::load(&**ledger).await?);
        let list = Arc::new(Self { ledger: Arc::clone(ledger), present, reading: Mutex::default() });
        tokio::spawn(follow(Arc::downgrade(&list), signals, Arc::clone(clock)));
        Ok(list)
    }

    /// The current revocations.
    pub(super) fn load(&self) -> Guard<Arc<Revocations>> {
        self.present.load()
    }

    /// Reads the revocations again.
    pub(super) async fn refresh(&self) -> Result<()> {
        let _reading = self.reading.lock().await;
        self.present.store(Arc::new(Revocations::load(&*self.ledger).await?));
        Ok(())
    }
}

/// Keeps the list up to date until the list is dropped or its store is closed.
async fn follow(list: Weak<RevocationList>, mut signals: Signals, clock: SharedClock) {
    while signals.next().await.is_some() {
        loop {
            let Some(list) = list.upgrade() else { return };
            let Err(error) = list.refresh().await else { break };
            tracing::error!(error = %error.operator_message(), "cannot read revocations; the previous ones stay in effect");
            drop(list);
            clock.sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::SealedLedger,
        config::{Config, ValidConfig},
        domain::{
            clock::{ManualClock, Timestamp},
            id::EnvironmentName,
            port::{LedgerEntry, LedgerKey},
            randomness::OsRandomness,
        },
        format::MarkV1,
        service::{
            client_registration::{
                ClientRegistrationDependencies, ClientRegistrationService, MintStatement, RegisterClient,
                Revocation,
            },
            master_key::MasterKey,
            policy::{Policy, PresentPolicy},
        },
        store::embedded::{EmbeddedOptions, EmbeddedStore},
        telemetry::CapturedLog,
    };

    /// A ledger that replicas share.
    fn ledger(folder: &tempfile::TempDir, clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
        let options = EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock) };
        EmbeddedStore::open(options).expect("opens").ports().ledger
    }

    async fn replica(ledger: &Arc<dyn Ledger>, clock: &Arc<ManualClock>) -> ClientRegistrationService {
        let secrets = SealedLedger::new(Arc::clone(ledger), Arc::default(), Arc::new(OsRandomness));
        let master_key = MasterKey::load(&secrets, &OsRandomness).await;
        let policy = Policy::new(&ValidConfig::read(Config::default()).expect("valid"));
        let parts = ClientRegistrationDependencies {
            ledger: Arc::clone(ledger),
            master_key: Arc::new(master_key.expect("loads")),
            policy: Arc::new(PresentPolicy::new(policy)),
            clock: clock.clone(),
            randomness: Arc::new(OsRandomness),
        };
        ClientRegistrationService::open(parts).await.expect("opens")
    }

    async fn eventually(is_true: impl Fn() -> bool) {
        let asking = async {
            while !is_true() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking).await.expect("the condition did not hold");
    }

    #[tokio::test]
    async fn a_revocation_at_one_replica_applies_to_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let ledger = ledger(&folder, clock.clone());
        let (here, there) = (replica(&ledger, &clock).await, replica(&ledger, &clock).await);
        let (id, statement) = here.mint_statement(MintStatement::default()).expect("mints");
        let registers = |replica: &ClientRegistrationService| {
            let request = RegisterClient {
                environment: EnvironmentName::parse("environment", "default").expect("valid"),
                software_statement: statement.clone().into(),
                redirect_uris: Vec::new(),
            };
            replica.register(request).is_ok()
        };
        assert!(registers(&here) && registers(&there));
        here.revoke(Revocation::Statement(id.to_string())).await.expect("revokes");
        assert!(!registers(&here), "the revoking replica applies it at once");
        eventually(|| !registers(&there)).await;
    }

    #[tokio::test]
    async fn while_revocations_are_unreadable_the_previous_ones_apply_and_reads_are_retried() {
        let log = CapturedLog::of_this_thread();
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let ledger = ledger(&folder, clock.clone());
        let put = async |name: &[u8], value: Vec<u8>| {
            let key = LedgerKey { kind: KIND, name: name.to_vec() };
            ledger.put_if_absent(&key, LedgerEntry { value, expire_time: None }).await.expect("works");
        };
        put(b"statement:before", MarkV1::encode()).await;
        let shared: SharedClock = clock.clone();
        let list = RevocationList::open(&ledger, &shared).await.expect("opens");
        put(b"unreadable", MarkV1::encode()).await;
        eventually(|| log.text().contains("cannot read revocations")).await;
        put(b"statement:after", MarkV1::encode()).await;
        assert!(list.load().has_statement("before") && !list.load().has_statement("after"));
        let unreadable = LedgerKey { kind: KIND, name: b"unreadable".to_vec() };
        assert!(ledger.swap(&unreadable, Some(&MarkV1::encode()), None).await.expect("works"));
        clock.advance(RETRY);
        eventually(|| list.load().has_statement("after")).await;
    }
}
