//! A run: clients call servers while faults are injected. The caller determines the servers, the faults and the end of the run.

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

/// The timeout of waits. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The number of concurrent clients. Each has its own connection to one server.
const CLIENTS: u64 = 10;

/// The maximum number of acknowledged calls after which the next fault is injected.
const MAX_ACKNOWLEDGED: u64 = 500;

/// How long a client waits after a call without a response before it probes the server. The backoff doubles after each consecutive
/// one, so that there are few calls with unknown outcome.
const PAUSE: Duration = Duration::from_millis(20);
const MAX_DOUBLINGS: u32 = 6;

/// The number of last reads that run at a time.
const LAST_READS: usize = 16;

/// The number of attempts of each of the last reads.
const ATTEMPTS: usize = 3;

/// The addresses of the servers. The address is replaced if a server restarts at another one.
pub type Servers = watch::Sender<Vec<SocketAddr>>;

/// The progress of a run.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The number of calls with a response, including refusals.
    pub acknowledged: u64,
    pub faults: u64,
}

struct Run {
    history: History,
    workload: Workload,
    servers: Servers,
    clients: AtomicU64,
    acknowledged: AtomicU64,
    acknowledgement: Notify,
    is_over: AtomicBool,
}

/// Runs clients, with randomness from this seed, until `is_over`, and records their calls. `fault` is called repeatedly, after a random
/// number of acknowledged calls, with the number of previous faults. It records what it does; clients continue meanwhile. After the
/// last fault the servers must be able to respond. At the end everything is read once more from each server.
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
        acknowledgement: Notify::new(),
        is_over: AtomicBool::default(),
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(Arc::clone(&run).keep_busy(fastrand::Rng::with_seed(random.u64(..)))))
        .collect();
    let mut progress = Progress { acknowledged: 0, faults: 0 };
    while !is_over(progress) {
        let enough = progress.acknowledged + random.u64(1..=MAX_ACKNOWLEDGED);
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
        let index = usize::try_from(id).expect("few clients");
        let mut client = self.client(index);
        let mut unanswered = 0;
        while !self.is_over() {
            let operation = self.workload.next(&mut random);
            let outcome = client.call(&operation, &self.history.clock);
            let outcome = self.history.record(id, operation.clone(), false, outcome).await;
            self.workload.update(&operation, &outcome);
            if matches!(outcome, Outcome::Unknown { .. }) {
                // The call may still be running. A client has one call at a time, so this is a new client from now on.
                id = self.clients.fetch_add(1, Ordering::Relaxed);
                client = self.reconnect(index, unanswered).await;
                unanswered += 1;
            } else {
                unanswered = 0;
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.acknowledgement.notify_one();
            }
        }
    }

    fn client(&self, index: usize) -> Client {
        let servers = self.servers.borrow();
        Client::new(servers[index % servers.len()])
    }

    /// Returns a client of the same server when that server responds again.
    async fn reconnect(&self, index: usize, unanswered: u32) -> Client {
        let mut moved = self.servers.subscribe();
        let pause = PAUSE * 2_u32.pow(unanswered.min(MAX_DOUBLINGS));
        loop {
            // A server that restarts at the same address is not announced.
            let _ = tokio::time::timeout(pause, moved.changed()).await;
            let mut client = self.client(index);
            if client.is_served().await || self.is_over() {
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
                self.acknowledgement.notified().await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE, acknowledged).await.is_ok(),
            "timeout: the servers acknowledge no calls"
        );
    }

    async fn read_everything(&self) {
        self.history.event("last reads");
        let servers = self.servers.borrow().len();
        for index in 0..servers {
            let id = self.clients.fetch_add(1, Ordering::Relaxed);
            let client = self.client(index);
            let reads = stream::iter(self.workload.reads()).map(|operation| {
                let mut client = client.clone();
                async move {
                    // The first attempt may fail if the code of a stored response was lost.
                    for _ in 1..ATTEMPTS {
                        let outcome = client.call(&operation, &self.history.clock);
                        let outcome = self.history.record(id, operation.clone(), true, outcome).await;
                        if !matches!(outcome, Outcome::Unknown { .. }) {
                            return outcome;
                        }
                    }
                    let outcome = client.call(&operation, &self.history.clock);
                    self.history.record(id, operation.clone(), true, outcome).await
                }
            });
            let mut reads = reads.buffer_unordered(LAST_READS);
            while let Some(outcome) = reads.next().await {
                let is_known = !matches!(outcome, Outcome::Unknown { .. });
                assert!(is_known, "server {index} does not respond after the last fault: {outcome:?}");
            }
        }
    }
}
