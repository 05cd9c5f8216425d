//! Idle memory, and the time from a server's start until it is ready.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    GRPC,
    footprint::{folder_size, mebibytes, resident_memory},
    support::{
        Result, Setting, clock, disk,
        load::{self, Plan},
        machine,
        process::Server,
        report::{Table, Target, median, spread},
    },
    workload::Create,
};

/// The TTL of codes: longer than the benchmark.
const TTL: i64 = 36_000;

struct Start {
    seconds: f64,
    memory: f64,
}

/// The extent.
struct StartOptions {
    starts: usize,
    codes: u64,
    /// The idle time before memory is measured.
    rest: Duration,
    /// The duration of creates before each kill.
    load: Duration,
}

/// Runs the benchmark and prints its table.
pub fn run(setting: &Setting) -> Result<()> {
    let extent = match setting.quick {
        true => {
            StartOptions { starts: 1, codes: 20_000, rest: Duration::ZERO, load: Duration::from_millis(200) }
        }
        false => StartOptions {
            starts: 5,
            codes: 1_000_000,
            rest: Duration::from_secs(3),
            load: Duration::from_secs(1),
        },
    };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let mut table = Table::new(&["store", "figure", "median (range)", "target"]);

    let empty = start_empty(setting, &extent)?;
    rows(&mut table, "empty", &empty, 0.3, Target::AtMost(64.0));

    let full = format!("{} live codes", extent.codes);
    let server = fill(setting, &extent, data.path())?;
    server.settle()?;
    let memory = resident_memory(&server)? as f64;
    table.row(&[full.as_str(), "memory after the codes were created", &mebibytes(memory), ""]);
    let size = mebibytes(folder_size(data.path()) as f64);
    table.row(&[full.as_str(), "data folder", &size, ""]);

    let (server, stopped) = start_after(setting, &extent, data.path(), server, Server::terminate)?;
    rows(&mut table, &format!("{full}, after SIGTERM"), &stopped, 1.0, Target::None);

    let kill = |server: Server| {
        make_codes(setting, &server, Create::new(Some(TTL))?, extent.load)?;
        drop(server);
        Ok(())
    };
    let (server, killed) = start_after(setting, &extent, data.path(), server, kill)?;
    rows(&mut table, &format!("{full}, after SIGKILL right after creates"), &killed, 1.0, Target::None);
    server.terminate()?;
    print!("\n{}", table.into_text());
    Ok(())
}

/// Starts repeatedly, each time with a new folder.
fn start_empty(setting: &Setting, extent: &StartOptions) -> Result<Vec<Start>> {
    (0..extent.starts)
        .map(|_| {
            let data = disk::data_folder()?;
            let (server, start) = start(setting, extent, &data.path().join("data"))?;
            server.terminate()?;
            Ok(start)
        })
        .collect()
}

/// Stops a server and starts the next one, repeatedly.
fn start_after(
    setting: &Setting,
    extent: &StartOptions,
    data: &Path,
    mut server: Server,
    end: impl Fn(Server) -> Result<()>,
) -> Result<(Server, Vec<Start>)> {
    let mut starts = Vec::new();
    for _ in 0..extent.starts {
        end(server)?;
        let (next, measured) = start(setting, extent, data)?;
        starts.push(measured);
        server = next;
    }
    Ok((server, starts))
}

fn start(setting: &Setting, extent: &StartOptions, data: &Path) -> Result<(Server, Start)> {
    let server = Server::passbridge(&setting.server, data, &GRPC)?;
    let seconds = server.wait_until_ready()?.as_secs_f64();
    std::thread::sleep(extent.rest);
    let memory = resident_memory(&server)? as f64;
    eprintln!("ready after {seconds:.3} s, {}", mebibytes(memory));
    Ok((server, Start { seconds, memory }))
}

fn fill(setting: &Setting, extent: &StartOptions, data: &Path) -> Result<Server> {
    let server = Server::passbridge(&setting.server, data, &GRPC)?;
    server.wait_until_ready()?;
    let long = Duration::from_secs(3600);
    make_codes(setting, &server, Create::new(Some(TTL))?.limited(extent.codes), long)?;
    Ok(server)
}

fn make_codes(setting: &Setting, server: &Server, create: Create, duration: Duration) -> Result<()> {
    let from = clock::now();
    let plan = Plan { in_flight: 256, threads: setting.client_threads, from, until: from + duration };
    load::run(server.address, &Arc::new(create), plan)?.complete().map(drop)
}

fn rows(table: &mut Table, store: &str, starts: &[Start], most_seconds: f64, memory: Target) {
    let seconds = || starts.iter().map(|start| start.seconds);
    let mebibytes = || starts.iter().map(|start| start.memory / f64::from(1 << 20));
    let target = Target::AtMost(most_seconds).judge(median(seconds()));
    table.row(&[store, "ready after", &spread(seconds(), " s"), &target]);
    table.row(&[store, "memory at rest", &spread(mebibytes(), " MiB"), &memory.judge(median(mebibytes()))]);
}
