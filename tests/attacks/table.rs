//! The table of `docs/security.md`: what each attack got, what memory the server had, and how long others waited.

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
    flood, holder, rest,
    target::{Attack, Target},
};

const ATTACKS: [(&str, Attack); 27] = [
    ("rapid reset: HEADERS and RST_STREAM, 100 000 times", flood::rapid_reset),
    ("server-made resets: calls with an error in them", flood::server_made_resets),
    ("CONTINUATION without end", flood::continuation),
    ("HPACK bomb: 20 kB that unpack to 47 MB, 900 times", flood::hpack_bomb),
    ("empty DATA, 100 000 times", flood::empty_frames),
    ("streams that are opened, 100 000 times", flood::streams),
    ("SETTINGS, 100 000 times", flood::settings),
    ("SETTINGS without end, acknowledgements unread", flood::settings_unread),
    ("SETTINGS ACK that nobody asked for", flood::settings_acknowledgements),
    ("PING, 100 000 times", flood::pings),
    ("PING without end, answers unread", flood::pings_unread),
    ("PING ACK that nobody asked for, 100 000 times", flood::ping_acknowledgements),
    ("PRIORITY, 100 000 times", flood::priorities),
    ("WINDOW_UPDATE, 100 000 times", flood::window_updates),
    ("WINDOW_UPDATE over the limit", flood::window_overflow),
    ("1000 answers without window", holder::zero_windows),
    ("1000 answers with a window of one byte", holder::one_byte_windows),
    ("1000 large answers, unread", holder::answers_unread),
    ("1000 large answers, read byte by byte", holder::answers_read_byte_by_byte),
    ("PING of the server unanswered", holder::silence),
    ("1000 connections, HEADERS byte by byte", holder::headers_in_drops),
    ("a message, byte by byte", holder::message_in_drops),
    ("REST: request smuggling, 11 forms", rest::smuggling),
    ("REST: slow-loris, 1000 connections", rest::headers_in_drops),
    ("REST: bodies byte by byte, 1000 connections", rest::body_in_drops),
    ("REST: answers unread", rest::answers_unread),
    ("REST: gzip bombs of 30 MB, 100 times", rest::gzip_bombs),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn the_table() {
    println!(
        "| attack | what it got | server's memory before, at most, after | others' p99 (without the attack) |\n|---|---|---|---|"
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

/// The 99th percentile of how long others' calls took while this was done again and again.
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
    // Enough of them for a percentile.
    for _ in 0..50 {
        bystander.wait_for_round().await;
    }
    enough.store(true, Relaxed);
    let done = working.await.expect("comes to its end");
    let durations = bystander.finish().await;
    (durations[durations.len() * 99 / 100], done)
}

/// The resident memory, in megabytes.
fn memory(target: &Target) -> u64 {
    resident(target.id())
}

fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("is told");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_000
}

/// Looks at the memory again and again.
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
