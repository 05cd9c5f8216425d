//! Calls at a constant rate, whatever has become of those before. A call's latency counts from when it was due: a
//! server that stalls is not spared the calls that would have come meanwhile.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    CONNECTIONS,
    client::Client,
    support::{
        Result, clock,
        load::Client as _,
        tally::{CallError, Tally},
    },
};

/// How often calls are made, for how long, and what became of them.
#[derive(Clone)]
pub struct Pace {
    /// From one call to the next.
    pub interval: Duration,
    /// When the first is due.
    pub start: Instant,
    /// When the last is.
    pub until: Instant,
    tally: Arc<Mutex<Tally>>,
}

impl Pace {
    /// So many calls a second from now on.
    pub fn new(rate: u32, time: Duration) -> Self {
        let start = clock::now();
        Self { interval: Duration::from_secs(1) / rate, start, until: start + time, tally: Arc::default() }
    }

    /// Makes each call when it is due, and waits for the last.
    pub async fn keep<F>(&self, mut call: impl FnMut() -> Result<F>) -> Result<()>
    where
        F: Future<Output = std::result::Result<(), CallError>> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        let mut due = self.start;
        while due < self.until {
            // The runtime's timer has a resolution of 1 ms; that much is in the latency.
            tokio::time::sleep_until(due.into()).await;
            calls.spawn(timed(call()?, due, Arc::clone(&self.tally)));
            while calls.try_join_next().is_some() {}
            due += self.interval;
        }
        calls.join_all().await;
        Ok(())
    }

    /// The calls that were answered since this was last asked for; an error where one of them failed.
    pub fn take(&self) -> Result<Tally> {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner)).complete()
    }
}

async fn timed(
    call: impl Future<Output = std::result::Result<(), CallError>>,
    due: Instant,
    tally: Arc<Mutex<Tally>>,
) {
    let outcome = call.await;
    let latency = clock::since(due);
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(()) => tally.answer(latency, true),
        Err(error) => tally.fail(&error),
    }
}

/// Clients for a method, one a connection, over and over.
pub async fn clients(address: SocketAddr, method: &str) -> Result<impl Iterator<Item = Client>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.extend(Client::connect(address, method, 1).await?);
    }
    Ok(clients.into_iter().cycle())
}
