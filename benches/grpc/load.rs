//! Load in a closed loop: so many calls in flight, each followed by the next as soon as it is answered.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::{runtime::Builder, task::JoinSet};

use crate::{
    Failure, Result,
    client::{CallError, Client},
    workload::Workload,
};

/// Over how many connections the calls go.
pub const CONNECTIONS: usize = 4;

/// How much load, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many calls are in flight.
    pub in_flight: usize,
    /// On how many threads they are made.
    pub threads: usize,
    /// When calls begin to count.
    pub from: Instant,
    /// When the last ones are made.
    pub until: Instant,
}

/// What came of the calls.
#[derive(Debug)]
pub struct Tally {
    /// From before the request to after its status, in microseconds, of those that count.
    pub latency: Histogram<u64>,
    /// How many were answered OK, with those before it counted.
    pub answered: u64,
    /// How many were not.
    pub failed: u64,
    /// Why the first of them was not.
    pub first_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        // A microsecond to a minute, true to a thousandth.
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are valid");
        Self { latency, answered: 0, failed: 0, first_failure: None }
    }
}

impl Tally {
    /// Counts a call that took this long.
    pub fn answer(&mut self, latency: Duration, counts: bool) {
        self.answered += 1;
        if counts {
            self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Counts a call that failed.
    pub fn fail(&mut self, error: &CallError) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| error.to_string());
    }

    /// Adds another's calls.
    pub fn add(&mut self, other: Self) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.answered += other.answered;
        self.failed += other.failed;
        if self.first_failure.is_none() {
            self.first_failure = other.first_failure;
        }
        Ok(())
    }

    /// Calls that failed make the figures worthless, so nothing goes on from there.
    pub fn complete(self) -> Result<Self> {
        match &self.first_failure {
            None => Ok(self),
            Some(first) => Err(format!(
                "{} of {} calls FAILED; the first: {first}",
                self.failed,
                self.failed + self.answered
            )
            .into()),
        }
    }
}

/// Makes one call.
pub fn once(address: SocketAddr, workload: &dyn Workload) -> Result<Bytes> {
    let body = workload.request().ok_or("the workload has no request")?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = Client::connect(address, workload.path()).await?;
        Ok(client.call(body).await?)
    })
}

/// Makes calls as planned, or until the workload has no more.
pub fn run<W: Workload>(address: SocketAddr, workload: &Arc<W>, plan: Plan) -> Result<Tally> {
    let threads = plan.threads.clamp(1, CONNECTIONS);
    let outcomes: Vec<Result<Tally>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let connections = (thread..CONNECTIONS).step_by(threads).collect();
                scope.spawn(move || run_thread(address, workload, plan, connections))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a load thread panicked")).collect()
    });
    outcomes.into_iter().try_fold(Tally::default(), |mut total, outcome| {
        total.add(outcome?)?;
        Ok(total)
    })
}

fn run_thread<W: Workload>(
    address: SocketAddr,
    workload: &Arc<W>,
    plan: Plan,
    connections: Vec<usize>,
) -> Result<Tally> {
    let tally: Arc<Mutex<Tally>> = Arc::default();
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut callers = JoinSet::new();
        for connection in connections {
            let client = Client::connect(address, workload.path()).await?;
            for _ in (connection..plan.in_flight).step_by(CONNECTIONS) {
                callers.spawn(call_in_turn(client.clone(), Arc::clone(workload), plan, Arc::clone(&tally)));
            }
        }
        callers.join_all().await;
        Ok::<_, Failure>(())
    })?;
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *tally))
}

async fn call_in_turn<W: Workload>(client: Client, workload: Arc<W>, plan: Plan, tally: Arc<Mutex<Tally>>) {
    let mut begin = Instant::now();
    while begin < plan.until {
        let Some(body) = workload.request() else { return };
        let outcome = client.call(body).await;
        let end = Instant::now();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(message) => {
                tally.answer(end - begin, (plan.from..plan.until).contains(&end));
                workload.answered(&message);
            }
            Err(error) => {
                tally.fail(&error);
                if matches!(error, CallError::Connection(_)) {
                    return;
                }
            }
        }
        begin = end;
    }
}
