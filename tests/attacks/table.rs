//! The table of `docs/security.md`: the outcome of each attack, the server's memory, and the latency of other clients.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    bystander::Bystander,
    flood, held_resources, rest,
    target::{Attack, Target},
};

const ATTACKS: [(&str, Attack); 27] = [
    ("rapid reset: HEADERS and RST_STREAM, 100 000 times", flood::rapid_reset),
    ("server-made resets: calls with a flow-control error", flood::server_made_resets),
    ("endless CONTINUATION", flood::continuation),
    ("HPACK bomb: 20 kB that decode to 47 MB, 900 times", flood::hpack_bomb),
    ("empty DATA frames, 100 000 times", flood::empty_frames),
    ("open streams, 100 000 times", flood::streams),
    ("SETTINGS, 100 000 times", flood::settings),
    ("endless SETTINGS, acknowledgments unread", flood::settings_unread),
    ("unsolicited SETTINGS ACK", flood::settings_acknowledgments),
    ("PING, 100 000 times", flood::pings),
    ("endless PING, responses unread", flood::pings_unread),
    ("unsolicited PING ACK, 100 000 times", flood::ping_acknowledgments),
    ("PRIORITY, 100 000 times", flood::priorities),
    ("WINDOW_UPDATE, 100 000 times", flood::window_updates),
    ("WINDOW_UPDATE over the limit", flood::window_overflow),
    ("1000 responses, window of 0", held_resources::zero_windows),
    ("1000 responses, window of 1 byte", held_resources::one_byte_windows),
    ("1000 large responses, unread", held_resources::answers_unread),
    ("1000 large responses, read byte by byte", held_resources::answers_read_byte_by_byte),
    ("server PING unanswered", held_resources::silence),
    ("1000 connections, HEADERS byte by byte", held_resources::headers_in_drops),
    ("a message, byte by byte", held_resources::message_in_drops),
    ("REST: request smuggling, 11 forms", rest::smuggling),
    ("REST: slow-loris, 1000 connections", rest::headers_in_drops),
    ("REST: bodies byte by byte, 1000 connections", rest::body_in_drops),
    ("REST: responses unread", rest::answers_unread),
    ("REST: gzip bombs of 30 MB, 100 times", rest::gzip_bombs),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn the_table() {
    println!(
        "| attack | outcome | server memory before, peak, after | p99 of other clients (without the attack) |\n|---|---|---|---|"
    );
    for (name, attack) in ATTACKS {
        let target = Target::start();
        let calm = p99(&target, || std::thread::sleep(Duration::from_millis(1))).await.0;
        let before = memory(&target);
        let watch = MemoryWatch::of(&target);
        let faces = target.faces();
        let (under_attack, got) = p99(&target, move || attack(faces)).await;
        target.wait_for_connections(2).await;
        let (most, after) = (watch.most(), memory(&target));
        println!("| {name} | {got} | {before}, {most}, {after} MB | {under_attack:.1?} ({calm:.1?}) |");
    }
}

/// The 99th percentile of the duration of other clients' calls while `work` runs repeatedly.
async fn p99<T: Send + 'static>(target: &Target, work: impl Fn() -> T + Send + 'static) -> (Duration, T) {
    let bystander = Bystander::of(target).await;
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let working = tokio::task::spawn_blocking(move || {
        let mut done = work();
        while !stop.load(Relaxed) {
            done = work();
        }
        done
    });
    // Enough calls for a percentile.
    for _ in 0..50 {
        bystander.wait_for_round().await;
    }
    enough.store(true, Relaxed);
    let done = working.await.expect("the attack ends");
    let durations = bystander.finish().await;
    (durations[durations.len() * 99 / 100], done)
}

/// The resident memory, in megabytes.
fn memory(target: &Target) -> u64 {
    resident(target.id())
}

fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("has VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_000
}

/// Samples the memory periodically.
struct MemoryWatch {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl MemoryWatch {
    fn of(target: &Target) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped, process) = (Arc::clone(&most), Arc::clone(&stop), target.id());
        std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                seen.fetch_max(resident(process), Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { most, stop }
    }

    fn most(&self) -> u64 {
        self.stop.store(true, Relaxed);
        self.most.load(Relaxed)
    }
}
