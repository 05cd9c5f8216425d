//! A constant rate for a long time: the p99 latency, and whether disk space and memory become constant.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::runtime::Builder;

use crate::{
    GRPC,
    footprint::{folder_size, mebibytes, resident_memory},
    pace::{Pace, clients},
    support::{
        Result, Setting, clock, disk,
        load::{Client as _, Workload},
        machine,
        process::Server,
        report::{Target, milliseconds},
        tally::Tally,
    },
    workload::Create,
};

/// The TTL of codes in seconds: after the first minute as many expire as are created.
const TTL: i64 = 60;

/// The time after which memory and disk space should be constant, in minutes.
const SETTLED: usize = 10;

/// Records are removed from disk together, so that the folder's size is a sawtooth with this period in minutes.
const TOOTH: usize = 2;

/// The maximum p99 latency, in microseconds.
const MOST_P99: u64 = 10_000;

/// The interval at which memory and disk space are measured.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The load.
#[derive(Debug, Args)]
pub struct SoakOptions {
    /// The duration. A record is removed from disk 11 to 13 minutes after its creation, so that less than 20 minutes are too
    /// short.
    #[arg(long, default_value_t = 60)]
    minutes: usize,
    /// Creates per second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
}

/// One minute, or a shorter period with `--quick`.
struct Period {
    tally: Tally,
    memory: u64,
    disk: u64,
    cpu: f64,
}

/// Runs the benchmark and prints a line per minute.
pub fn run(setting: &Setting, options: &SoakOptions) -> Result<()> {
    let (periods, period) = match setting.quick {
        true => (40, Duration::from_millis(100)),
        false => (options.minutes, Duration::from_secs(60)),
    };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let server = Server::passbridge(&setting.server, data.path(), &GRPC)?;
    server.wait_until_ready()?;

    let pace = Pace::new(options.rate, period * u32::try_from(periods)?);
    let (address, kept) = (server.address, pace.clone());
    let load = std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build()?.block_on(create(&kept, address))
    });
    println!(
        "\n| minute | calls/s | p50 | p99 | max | memory | CPU | data folder |\n|---|---|---|---|---|---|---|---|"
    );
    let mut history = Vec::new();
    for minute in 1..=periods {
        let end = pace.start + period * u32::try_from(minute)?;
        let (memory, disk, cpu) = watch(&server, data.path(), end)?;
        let tally = pace.take()?;
        history.push(Period { tally, memory, disk, cpu: cpu / period.as_secs_f64() });
        print_period(minute, period, &history[history.len() - 1]);
    }
    load.join().map_err(|_| "the load generator panicked")??;
    pace.take()?;
    conclude(history)?;
    server.terminate()
}

async fn create(pace: &Pace, address: SocketAddr) -> Result<()> {
    let create = Create::new(Some(TTL))?;
    let mut clients = clients(address, create.method()).await?;
    pace.keep(|| {
        let mut client = clients.next().ok_or("no client was opened")?;
        let request = create.request().ok_or("the workload has no more requests")?;
        Ok(async move { client.call(request).await.map(drop) })
    })
    .await
}

/// Samples the server until `end`; returns the maximum memory and disk space, and the CPU seconds.
fn watch(server: &Server, data: &Path, end: Instant) -> Result<(u64, u64, f64)> {
    let before = server.cpu()?;
    let (mut memory, mut disk) = (0, 0);
    loop {
        let left = end.saturating_duration_since(clock::now());
        std::thread::sleep(left.min(SAMPLE_INTERVAL));
        memory = memory.max(resident_memory(server)?);
        disk = disk.max(folder_size(data));
        if clock::now() >= end {
            return Ok((memory, disk, (server.cpu()? - before).as_secs_f64()));
        }
    }
}

fn print_period(minute: usize, length: Duration, period: &Period) {
    let Period { tally, memory, disk, cpu } = period;
    println!(
        "| {minute} | {:.0} | {} | {} | {} | {} | {:.0} % | {} |",
        tally.answered as f64 / length.as_secs_f64(),
        milliseconds(tally.latency.value_at_quantile(0.5)),
        milliseconds(tally.latency.value_at_quantile(0.99)),
        milliseconds(tally.latency.max()),
        mebibytes(*memory as f64),
        cpu * 100.0,
        mebibytes(*disk as f64),
    );
}

/// Prints the results of the whole run.
fn conclude(history: Vec<Period>) -> Result<()> {
    for (name, of) in
        [("memory", (|period| period.memory) as fn(&Period) -> u64), ("data folder", |period| period.disk)]
    {
        match growth(&history, of) {
            Some((minutes, growth)) => println!(
                "{name}: the last {minutes} minutes, of the {minutes} before: {growth:.2}, {}  ",
                Target::AtMost(1.1).judge(growth)
            ),
            None => println!("{name}: the run was too short to compare periods  "),
        }
    }
    let slow = history.iter().filter(|period| period.tally.latency.value_at_quantile(0.99) > MOST_P99);
    let (slow, all) = (slow.count(), history.len());
    let mut total = Tally::default();
    for period in history {
        total.add(period.tally)?;
    }
    let p99 = total.latency.value_at_quantile(0.99);
    println!(
        "p99 of all: {}, target in ms {}; above it in {slow} of {all} minutes",
        milliseconds(p99),
        Target::AtMost(MOST_P99 as f64 / 1e3).judge(p99 as f64 / 1e3)
    );
    Ok(())
}

/// The ratio of the last minutes to as many before them, after the settling time. Both are whole periods of the sawtooth.
fn growth(history: &[Period], of: fn(&Period) -> u64) -> Option<(usize, f64)> {
    let teeth = history.len().saturating_sub(SETTLED) / TOOTH / 2;
    let minutes = teeth * TOOTH;
    let (rest, last) = history.split_at(history.len() - minutes);
    let sum = |periods: &[Period]| periods.iter().map(of).sum::<u64>() as f64;
    (teeth > 0).then(|| (minutes, sum(last) / sum(&rest[rest.len() - minutes..])))
}
