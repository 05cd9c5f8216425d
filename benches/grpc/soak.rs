//! A constant rate for a long time: what one call in a hundred waits, and whether disk and memory level off.
//!
//! Calls are sent when they are due, whatever has become of those before, and a call's latency counts from
//! then: a server that stalls is not spared the calls that would have come meanwhile.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{runtime::Builder, task::JoinSet};

use crate::{
    CONNECTIONS, GRPC,
    client::Client,
    footprint::{folder_size, mebibytes, resident_memory},
    support::{
        Failure, Result, Setting, clock, disk,
        load::{Client as _, Workload},
        machine,
        process::Server,
        report::{Target, milliseconds},
        tally::Tally,
    },
    workload::Create,
};

/// How long a code lives, in seconds: after the first minute as many expire as are made.
const TTL: i64 = 60;

/// How often memory and disk are looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The load.
#[derive(Debug, Args)]
pub struct Options {
    /// How long it goes on. A record leaves the disk some 11 to 15 minutes after it was made, so that less
    /// than 30 minutes show no level.
    #[arg(long, default_value_t = 30)]
    minutes: usize,
    /// Creates a second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
}

/// One minute, or what stands for it.
struct Period {
    tally: Tally,
    memory: u64,
    disk: u64,
    cpu: f64,
}

/// Runs the benchmark, with a line a minute.
pub fn run(setting: &Setting, options: &Options) -> Result<()> {
    let (periods, period) = match setting.quick {
        true => (3, Duration::from_secs(1)),
        false => (options.minutes, Duration::from_secs(60)),
    };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let server = Server::passbridge(&setting.server, data.path(), &GRPC)?;
    server.wait_until_ready()?;

    let tally: Arc<Mutex<Tally>> = Arc::default();
    let start = clock::now();
    let pace = Pace {
        interval: Duration::from_secs(1) / options.rate,
        start,
        until: start + period * u32::try_from(periods)?,
        tally: Arc::clone(&tally),
    };
    let address = server.address;
    let load = std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build()?.block_on(pace.keep(address))
    });
    println!(
        "\n| minute | calls/s | p50 | p99 | max | memory | CPU | data folder |\n|---|---|---|---|---|---|---|---|"
    );
    let mut history = Vec::new();
    for minute in 1..=periods {
        let end = start + period * u32::try_from(minute)?;
        let period_cpu = watch(&server, data.path(), end)?;
        let tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner)).complete()?;
        let (memory, disk, cpu) = period_cpu;
        history.push(Period { tally, memory, disk, cpu: cpu / period.as_secs_f64() });
        print_period(minute, period, &history[history.len() - 1]);
    }
    load.join().map_err(|_| "the load generator panicked")??;
    conclude(history)?;
    server.terminate()
}

/// Looks at the server until `end`; the most memory and disk, and the processor seconds.
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

/// Prints what the whole time says.
fn conclude(history: Vec<Period>) -> Result<()> {
    let third = history.len().div_ceil(3);
    let last_over_middle = |of: fn(&Period) -> u64| {
        let mean = |periods: &[Period]| periods.iter().map(of).sum::<u64>() as f64 / periods.len() as f64;
        (history.len() >= 3).then(|| {
            let (rest, last) = history.split_at(history.len() - third);
            mean(last) / mean(&rest[rest.len().saturating_sub(third)..])
        })
    };
    for (name, growth) in [
        ("memory", last_over_middle(|period| period.memory)),
        ("data folder", last_over_middle(|period| period.disk)),
    ] {
        match growth {
            Some(growth) => println!(
                "{name}: the last third of the time has {growth:.2} times the middle third's: {}",
                Target::AtMost(1.1).judge(growth)
            ),
            None => println!("{name}: too short to tell whether it levels off"),
        }
    }
    let mut total = Tally::default();
    for period in history {
        total.add(period.tally)?;
    }
    let p99 = total.latency.value_at_quantile(0.99);
    println!(
        "p99 of all: {}, target in ms {}",
        milliseconds(p99),
        Target::AtMost(30.0).judge(p99 as f64 / 1e3)
    );
    Ok(())
}

/// Calls at a constant rate.
struct Pace {
    interval: Duration,
    start: Instant,
    until: Instant,
    tally: Arc<Mutex<Tally>>,
}

impl Pace {
    async fn keep(self, address: std::net::SocketAddr) -> Result<()> {
        let create = Create::new(Some(TTL))?;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.extend(Client::connect(address, create.method(), 1).await?);
        }
        let mut calls = JoinSet::new();
        let mut due = self.start;
        for client in clients.iter().cycle() {
            // The runtime's timer has a resolution of 1 ms; that much is in the latency.
            tokio::time::sleep_until(due.into()).await;
            if due >= self.until {
                break;
            }
            let body = create.request().ok_or("the workload has no request")?;
            calls.spawn(call(client.clone(), body, due, Arc::clone(&self.tally)));
            while calls.try_join_next().is_some() {}
            due += self.interval;
        }
        calls.join_all().await;
        Ok::<_, Failure>(())
    }
}

async fn call(mut client: Client, body: bytes::Bytes, due: Instant, tally: Arc<Mutex<Tally>>) {
    let outcome = client.call(body).await;
    let latency = clock::since(due);
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(_) => tally.answer(latency, true),
        Err(error) => tally.fail(&error),
    }
}
