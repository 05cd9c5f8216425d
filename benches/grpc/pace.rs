//! Calls at a constant rate, independent of earlier calls. Latency counts from the time at which a call was due, so that a
//! stalled server still gets, and is measured by, the calls of that time.

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

/// The schedule of calls and their results.
#[derive(Clone)]
pub struct Pace {
    /// The interval between calls.
    pub interval: Duration,
    /// The time of the first call.
    pub start: Instant,
    /// The time of the last call.
    pub until: Instant,
    tally: Arc<Mutex<Tally>>,
}

impl Pace {
    /// Schedules this many calls per second from now on.
    pub fn new(rate: u32, time: Duration) -> Self {
        let start = clock::now();
        Self { interval: Duration::from_secs(1) / rate, start, until: start + time, tally: Arc::default() }
    }

    /// Makes each call when it is due, and waits for all of them.
    pub async fn keep<F>(&self, mut call: impl FnMut() -> Result<F>) -> Result<()>
    where
        F: Future<Output = std::result::Result<(), CallError>> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        let mut due = self.start;
        while due < self.until {
            // The runtime's timer has a resolution of 1 ms, which the latency includes.
            tokio::time::sleep_until(due.into()).await;
            calls.spawn(timed(call()?, due, Arc::clone(&self.tally)));
            while calls.try_join_next().is_some() {}
            due += self.interval;
        }
        calls.join_all().await;
        Ok(())
    }

    /// The calls answered since the last call of this method; an error if one of them failed.
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

/// Clients of a method, one per connection, in an endless cycle.
pub async fn clients(address: SocketAddr, method: &str) -> Result<impl Iterator<Item = Client>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.extend(Client::connect(address, method, 1).await?);
    }
    Ok(clients.into_iter().cycle())
}
