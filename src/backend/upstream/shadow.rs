//! Shadows: our records of codes that the provider issued. They are written behind the response, because the provider
//! has the code itself. Reads through this process see a shadow immediately.

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

/// The maximum number of unwritten shadows. Beyond it, a shadow is written before the response.
const UNWRITTEN_MAX: usize = 10_000;

/// The maximum number of shadows in a batch.
const BATCH: usize = 256;

/// The time for which the first shadow of a batch waits for others, so that they share a sync. No caller waits for it.
/// It is shorter than the 10 ms within which a shadow must be written.
const BATCH_DELAY: Duration = Duration::from_millis(7);

/// The store's codes, together with shadows that are not written yet.
pub struct ShadowedCodes {
    codes: Arc<dyn Codes>,
    unwritten: Arc<PendingShadows>,
    writer: mpsc::UnboundedSender<Arc<RegistrationCode>>,
}

#[derive(Default)]
struct PendingShadows {
    records: Mutex<HashMap<CodeKey, Arc<RegistrationCode>>>,
    written: Notify,
    /// Notified when a caller waits for a write, to skip the batch delay.
    wanted: Notify,
}

impl PendingShadows {
    fn get(&self, key: &CodeKey) -> Option<Arc<RegistrationCode>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Adds a shadow; `false` if there is no room.
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
        // A later shadow of the same code may still be unwritten.
        if records.get(&key).is_some_and(|unwritten| unwritten.id == registration.id) {
            records.remove(&key);
        }
    }

    /// Waits until the shadow of `key` is written; without a key, until all shadows are.
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
    /// Spawns the task on `runtime` that writes shadows to `codes`.
    #[must_use]
    pub fn new(codes: Arc<dyn Codes>, runtime: &Handle) -> Arc<Self> {
        let (writer, queue) = mpsc::unbounded_channel();
        let unwritten = Arc::<PendingShadows>::default();
        runtime.spawn(write(Arc::clone(&codes), Arc::clone(&unwritten), queue));
        Arc::new(Self { codes, unwritten, writer })
    }

    /// Adds a shadow. Reads see it from now on, and it is written soon. If too many are unwritten, it is written before
    /// this returns.
    ///
    /// # Errors
    /// The store fails. Only if the shadow is written before this returns.
    pub async fn add(&self, registration: &RegistrationCode) -> StoreResult<()> {
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

    /// Waits until all shadows are written.
    pub async fn finish(&self) {
        self.unwritten.settled(None).await;
    }
}

/// Lines are limited: while the store fails, every code of the upstream is affected.
fn report_unwritten(error: &StoreError) {
    static LINE: SparseLine = SparseLine::new();
    if let Some(others) = LINE.permit() {
        tracing::error!(%error, others_since_last_line = others,
            "cannot write shadow, watches and deletes of its code will not find it");
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
            () = tokio::time::sleep(BATCH_DELAY) => {}
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
