//! What is kept here of codes that the provider issued: written behind the answer, since the code itself lives there, and
//! seen by whoever asks here from the first moment on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::future::join_all;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
};
use uuid::Uuid;

use crate::{
    domain::{
        error::StoreError,
        id::EnvironmentName,
        port::{Codes, Insertion, LedgerEntry, LedgerKey, Signals, StoreResult},
        registration_code::{CodeEntry, CodeKey, RegistrationCode},
    },
    telemetry::SparseLine,
};

/// How many shadows may wait to be written. Who comes over that waits for its own.
const UNWRITTEN_MAX: usize = 10_000;

/// How many are written together at most.
const BATCH: usize = 256;

/// How long the first of a batch waits for others, so that they share a sync: nobody waits for it, and less than the 10 ms
/// in which a shadow has to be there.
const GATHERING: Duration = Duration::from_millis(7);

/// A store's codes, before which lie those that are still on their way into it.
pub struct ShadowedCodes {
    codes: Arc<dyn Codes>,
    unwritten: Arc<PendingShadows>,
    writer: mpsc::UnboundedSender<Arc<RegistrationCode>>,
}

#[derive(Default)]
struct PendingShadows {
    records: Mutex<HashMap<CodeKey, Arc<RegistrationCode>>>,
    written: Notify,
    /// Somebody waits.
    wanted: Notify,
}

impl PendingShadows {
    fn get(&self, key: &CodeKey) -> Option<Arc<RegistrationCode>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Whether there was room.
    fn add(&self, registration: &Arc<RegistrationCode>) -> bool {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = records.len() < UNWRITTEN_MAX;
        if has_room {
            records.insert(registration.key(), Arc::clone(registration));
        }
        has_room
    }

    fn remove(&self, registration: &RegistrationCode) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration.key();
        // A later one under the same code is still to be written.
        if records.get(&key).is_some_and(|unwritten| unwritten.id == registration.id) {
            records.remove(&key);
        }
    }

    /// Waits until the code's shadow is written, or all of them.
    async fn settled(&self, key: Option<&CodeKey>) {
        loop {
            let written = self.written.notified();
            tokio::pin!(written);
            written.as_mut().enable();
            let is_settled = {
                let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
                key.map_or(records.is_empty(), |key| !records.contains_key(key))
            };
            if is_settled {
                return;
            }
            self.wanted.notify_one();
            written.await;
        }
    }
}

impl ShadowedCodes {
    /// Writes into `codes`, by a task on `runtime`.
    #[must_use]
    pub fn new(codes: Arc<dyn Codes>, runtime: &Handle) -> Arc<Self> {
        let (writer, queue) = mpsc::unbounded_channel();
        let unwritten = Arc::<PendingShadows>::default();
        runtime.spawn(write(Arc::clone(&codes), Arc::clone(&unwritten), queue));
        Arc::new(Self { codes, unwritten, writer })
    }

    /// Keeps a shadow: it is seen from now on, and written soon. Where too many wait already, it is written at once.
    ///
    /// # Errors
    /// Only where it is written at once: those of the store.
    pub async fn keep(&self, registration: &RegistrationCode) -> StoreResult<()> {
        let registration = Arc::new(registration.clone());
        if !self.unwritten.add(&registration) {
            return self.codes.adopt(&registration).await;
        }
        if let Err(unsent) = self.writer.send(registration) {
            self.unwritten.remove(&unsent.0);
            return self.codes.adopt(&unsent.0).await;
        }
        Ok(())
    }

    /// Waits until everything is written.
    pub async fn finish(&self) {
        self.unwritten.settled(None).await;
    }
}

/// A store that fails would make each code that the upstream issues a line.
fn report_unwritten(error: &StoreError) {
    static LINE: SparseLine = SparseLine::new();
    if let Some(others) = LINE.permit() {
        tracing::error!(%error, others_since_last_line = others,
            "a shadow could not be written: watches and deletes of its code will miss it");
    }
}

async fn write(
    codes: Arc<dyn Codes>,
    unwritten: Arc<PendingShadows>,
    mut queue: mpsc::UnboundedReceiver<Arc<RegistrationCode>>,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, 1).await > 0 {
        tokio::select! {
            () = tokio::time::sleep(GATHERING) => {}
            () = unwritten.wanted.notified() => {}
        }
        while batch.len() < BATCH
            && let Ok(registration) = queue.try_recv()
        {
            batch.push(registration);
        }
        let writes = batch.drain(..).map(|registration| {
            let (codes, unwritten) = (&codes, &unwritten);
            async move {
                if let Err(error) = codes.adopt(&registration).await {
                    report_unwritten(&error);
                }
                unwritten.remove(&registration);
            }
        });
        join_all(writes).await;
        unwritten.written.notify_waiters();
    }
}

#[async_trait]
impl Codes for ShadowedCodes {
    async fn insert_if_absent(
        &self,
        registration: &RegistrationCode,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Insertion> {
        self.codes.insert_if_absent(registration, max_live, entry).await
    }

    async fn adopt(&self, registration: &RegistrationCode) -> StoreResult<()> {
        self.unwritten.settled(Some(&registration.key())).await;
        self.codes.adopt(registration).await
    }

    async fn get(&self, key: &CodeKey) -> StoreResult<Option<CodeEntry>> {
        if let Some(registration) = self.unwritten.get(key) {
            let registration = RegistrationCode::clone(&registration);
            return Ok(Some(CodeEntry { registration, release_time: None }));
        }
        self.codes.get(key).await
    }

    async fn release(&self, key: &CodeKey, id: Uuid) -> StoreResult<bool> {
        self.unwritten.settled(Some(key)).await;
        self.codes.release(key, id).await
    }

    async fn watch(&self, key: &CodeKey) -> StoreResult<Signals> {
        self.unwritten.settled(Some(key)).await;
        self.codes.watch(key).await
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<CodeEntry>> {
        self.codes.scan()
    }

    async fn live_codes(&self) -> StoreResult<Vec<(EnvironmentName, u64)>> {
        self.codes.live_codes().await
    }
}
