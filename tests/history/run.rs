//! A run: clients that call servers while faults are injected. What the servers are, what the faults are and when it ends is the
//! caller's: over several replicas it is the same.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, watch};

use crate::{call::Outcome, client::Client, history::History, workload::Workload};

/// How long to wait for what must come; only a failing test ever waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many clients there are. Each has a connection of its own, to one server.
const CLIENTS: u64 = 10;

/// Between two faults one more call than this is acknowledged at most.
const MOST_ACKNOWLEDGED: u64 = 500;

/// How long a client waits whose call has no answer, before it asks whether the server answers again; twice as long each time in a
/// row, so that calls that may have happened stay few.
const PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSES: u32 = 6;

/// How many of the last reads are under way at a time.
const LAST_READS: usize = 16;

/// How often each of the last reads is tried.
const ATTEMPTS: usize = 3;

/// Where the servers are. One that comes back elsewhere is set anew.
pub type Servers = watch::Sender<Vec<SocketAddr>>;

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// How many calls were answered, refusals included.
    pub acknowledged: u64,
    pub faults: u64,
}

struct Run {
    history: History,
    workload: Workload,
    servers: Servers,
    clients: AtomicU64,
    acknowledged: AtomicU64,
    one_more: Notify,
    is_over: AtomicBool,
}

/// Has clients call the servers, with the randomness of this seed, until `is_over`, and records what they were answered. After
/// some acknowledged calls each, `fault` is called with the count of those before it, and says what it does; clients go on
/// meanwhile. When it returns after the last one, the servers must be able to answer. At the end everything is read once more, from
/// each server.
pub async fn record(
    servers: Servers,
    workload: Workload,
    seed: u64,
    mut fault: impl AsyncFnMut(&Servers, &History, u64),
    mut is_over: impl FnMut(Progress) -> bool,
) -> History {
    let run = Arc::new(Run {
        history: History::new(),
        workload,
        servers,
        clients: AtomicU64::default(),
        acknowledged: AtomicU64::default(),
        one_more: Notify::new(),
        is_over: AtomicBool::default(),
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(Arc::clone(&run).keep_busy(fastrand::Rng::with_seed(random.u64(..)))))
        .collect();
    let mut progress = Progress { acknowledged: 0, faults: 0 };
    while !is_over(progress) {
        let enough = progress.acknowledged + random.u64(1..=MOST_ACKNOWLEDGED);
        run.wait_until_acknowledged(enough).await;
        fault(&run.servers, &run.history, progress.faults).await;
        progress.faults += 1;
        progress.acknowledged = run.acknowledged.load(Ordering::Relaxed);
    }
    run.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client does not panic");
    }
    run.read_everything().await;
    let run = Arc::into_inner(run).expect("all clients have ended");
    run.history
}

impl Run {
    async fn keep_busy(self: Arc<Self>, mut random: fastrand::Rng) {
        let mut id = self.clients.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(id).expect("few clients");
        let mut client = self.client(place);
        let mut unanswered = 0;
        while !self.is_over() {
            let operation = self.workload.next(&mut random);
            let answer = client.call(&operation, &self.history.clock);
            let outcome = self.history.record(id, operation.clone(), false, answer).await;
            self.workload.learn(&operation, &outcome);
            if matches!(outcome, Outcome::Unknown { .. }) {
                // Its call may still be under way, so that it is another client from now on.
                id = self.clients.fetch_add(1, Ordering::Relaxed);
                client = self.reconnect(place, unanswered).await;
                unanswered += 1;
            } else {
                unanswered = 0;
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.one_more.notify_one();
            }
        }
    }

    fn client(&self, place: usize) -> Client {
        let servers = self.servers.borrow();
        Client::new(servers[place % servers.len()])
    }

    /// A client of the same server, once that answers again.
    async fn reconnect(&self, place: usize, unanswered: u32) -> Client {
        let mut moved = self.servers.subscribe();
        let pause = PAUSE * 2_u32.pow(unanswered.min(MOST_PAUSES));
        loop {
            // The server may come back where it was, which nobody is told.
            let _ = tokio::time::timeout(pause, moved.changed()).await;
            let mut client = self.client(place);
            if client.is_answered().await || self.is_over() {
                return client;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    async fn wait_until_acknowledged(&self, enough: u64) {
        let acknowledged = async {
            while self.acknowledged.load(Ordering::Relaxed) < enough {
                self.one_more.notified().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, acknowledged).await.is_ok(), "the servers answer nothing");
    }

    async fn read_everything(&self) {
        self.history.event("last reads");
        let servers = self.servers.borrow().len();
        for place in 0..servers {
            let id = self.clients.fetch_add(1, Ordering::Relaxed);
            let client = self.client(place);
            let reads = stream::iter(self.workload.reads()).map(|operation| {
                let mut client = client.clone();
                async move {
                    // One that finds a kept answer whose code was lost says so once.
                    for _ in 1..ATTEMPTS {
                        let answer = client.call(&operation, &self.history.clock);
                        let outcome = self.history.record(id, operation.clone(), true, answer).await;
                        if !matches!(outcome, Outcome::Unknown { .. }) {
                            return outcome;
                        }
                    }
                    let answer = client.call(&operation, &self.history.clock);
                    self.history.record(id, operation.clone(), true, answer).await
                }
            });
            let mut reads = reads.buffer_unordered(LAST_READS);
            while let Some(outcome) = reads.next().await {
                let is_known = !matches!(outcome, Outcome::Unknown { .. });
                assert!(is_known, "server {place} does not answer when all is over: {outcome:?}");
            }
        }
    }
}
