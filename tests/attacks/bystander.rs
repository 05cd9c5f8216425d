//! Other clients during an attack: a service that calls over one gRPC connection, and TVs that each request a code.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::{
    support::{http::call, raw::RawChannel, request::create},
    target::Target,
};

const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";

/// Continuous calls, none of which may fail.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    calling: JoinHandle<Vec<Duration>>,
}

impl Bystander {
    /// Starts the calls.
    pub async fn of(target: &Target) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let service = RawChannel::over(connect(target.grpc).await).await.expect("speaks HTTP/2");
        let calling =
            tokio::spawn(call_on(service, target.rest, target.token.clone(), stop.clone(), rounds.clone()));
        let bystander = Self { stop, rounds, calling };
        bystander.wait_for_round().await;
        bystander
    }

    /// Waits until each client has been served once more.
    pub async fn wait_for_round(&self) {
        // A round may be in progress, so that two must pass.
        let next = self.rounds.load(Relaxed) + 2;
        while self.rounds.load(Relaxed) < next && !self.calling.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Stops the calls and returns their durations, sorted.
    pub async fn finish(self) -> Vec<Duration> {
        self.stop.store(true, Relaxed);
        self.calling.await.expect("every call was served")
    }
}

async fn call_on(
    service: RawChannel,
    rest: SocketAddr,
    token: String,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
) -> Vec<Duration> {
    let mut durations = Vec::new();
    while !stop.load(Relaxed) {
        let begin = now();
        service.codes().create_registration_code(create()).await.expect("served");
        durations.push(now() - begin);
        let device = rounds.load(Relaxed);
        let begin = now();
        call(rest, "POST", &format!("/reggie/v1/REF/regcode.json?deviceId=tv-{device}"))
            .header("authorization", format!("Bearer {token}"))
            .header("x-device-info", DEVICE_INFO)
            .send_over(connect(rest).await)
            .await
            .expect("served")
            .json(201);
        durations.push(now() - begin);
        rounds.fetch_add(1, Relaxed);
        // Stays within the rate limits of a client.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    durations.sort_unstable();
    durations
}

/// A connection from another address than the attacker's.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 2], 0).into()).expect("an address of this machine");
    socket.set_nodelay(true).expect("sets the option");
    socket.connect(address).await.expect("connects")
}

#[expect(clippy::disallowed_methods, reason = "the table shows the latency of other clients")]
fn now() -> Instant {
    Instant::now()
}
