//! Load in a closed loop: a fixed number of calls in flight, each followed by the next one as soon as it is answered.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use tokio::{runtime::Builder, task::JoinSet};

use super::{
    Failure, Result, clock,
    tally::{CallError, Tally},
};

/// A connection, or a share of one, that makes one call at a time.
pub trait Client: Sized + Send + 'static {
    /// The target of a connection, such as a method.
    type Method: ?Sized;

    /// The number of connections for this many calls in flight.
    fn connections(in_flight: usize) -> usize;

    /// Opens a connection and returns one client per call in flight over it.
    fn connect(
        address: SocketAddr,
        method: &Self::Method,
        clients: usize,
    ) -> impl Future<Output = Result<Vec<Self>>>;

    /// Makes a call and returns the response.
    fn call(&mut self, request: Bytes) -> impl Future<Output = std::result::Result<Bytes, CallError>> + Send;
}

/// A source of requests.
pub trait Workload: Send + Sync + 'static {
    type Client: Client;

    fn method(&self) -> &<Self::Client as Client>::Method;

    /// The next request; `None` at the end.
    fn request(&self) -> Option<Bytes>;

    /// Inspects a response.
    fn answered(&self, _answer: &[u8]) {}

    /// The size of a request in bytes.
    fn request_size(&self) -> usize;
}

/// The amount and duration of a load.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The number of calls in flight.
    pub in_flight: usize,
    /// The number of client threads.
    pub threads: usize,
    /// The time from which calls count.
    pub from: Instant,
    /// The time of the last calls.
    pub until: Instant,
}

/// Makes one call.
pub fn once<W: Workload>(address: SocketAddr, workload: &W) -> Result<Bytes> {
    let request = workload.request().ok_or("the workload has no more requests")?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut clients = W::Client::connect(address, workload.method(), 1).await?;
        let client = clients.first_mut().ok_or("no client was opened")?;
        Ok(client.call(request).await?)
    })
}

/// Makes calls as planned, or until the workload ends.
pub fn run<W: Workload>(address: SocketAddr, workload: &Arc<W>, plan: Plan) -> Result<Tally> {
    let connections = W::Client::connections(plan.in_flight);
    let threads = plan.threads.clamp(1, connections);
    let outcomes: Vec<Result<Tally>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let clients = (thread..connections)
                    .step_by(threads)
                    .map(|connection| (connection..plan.in_flight).step_by(connections).len())
                    .collect();
                scope.spawn(move || run_thread(address, workload, plan, clients))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a load thread panicked")).collect()
    });
    outcomes.into_iter().try_fold(Tally::default(), |mut total, outcome| {
        total.add(outcome?)?;
        Ok(total)
    })
}

/// Opens a connection for each number in `clients`, with this many clients.
fn run_thread<W: Workload>(
    address: SocketAddr,
    workload: &Arc<W>,
    plan: Plan,
    clients: Vec<usize>,
) -> Result<Tally> {
    let tally: Arc<Mutex<Tally>> = Arc::default();
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut callers = JoinSet::new();
        for clients in clients {
            for client in W::Client::connect(address, workload.method(), clients).await? {
                callers.spawn(call_in_turn(client, Arc::clone(workload), plan, Arc::clone(&tally)));
            }
        }
        callers.join_all().await;
        Ok::<_, Failure>(())
    })?;
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *tally))
}

async fn call_in_turn<W: Workload>(
    mut client: W::Client,
    workload: Arc<W>,
    plan: Plan,
    tally: Arc<Mutex<Tally>>,
) {
    let mut begin = clock::now();
    while begin < plan.until {
        let Some(request) = workload.request() else { return };
        let outcome = client.call(request).await;
        let end = clock::now();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(answer) => {
                tally.answer(end - begin, (plan.from..plan.until).contains(&end));
                workload.answered(&answer);
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
