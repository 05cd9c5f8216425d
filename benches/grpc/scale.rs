//! Rates, memory, disk space and opening time at several numbers of live codes: the cost of a code should not depend on the
//! number of other codes.

use std::{path::Path, sync::Arc, time::Duration};

use clap::Args;

use crate::{
    GRPC,
    footprint::{folder_size, mebibytes, resident_memory},
    support::{
        Result, Setting, clock,
        comparison::{Case, Comparison},
        disk,
        load::{self, Plan},
        machine,
        measurement::Measurement,
        pair::Pair,
        process::{Face, Server},
        report::{Table, Target, median, spread},
        rounds::{self, Rounds},
    },
    throughput::{GrpcCall, Throughput},
    workload::Fill,
};

/// The TTL of codes in seconds: longer than the benchmark.
const TTL: i64 = 36_000;

/// The number of additional codes, which are created by measurements.
const MARGIN: usize = 5_000_000;

/// The measured calls.
const CASES: [Case<GrpcCall>; 2] = [case(GrpcCall::Get), case(GrpcCall::Create)];

const fn case(call: GrpcCall) -> Case<GrpcCall> {
    Case { call, in_flight: 64, throughput: Target::None, p99: Target::None, cpu: Target::None }
}

/// The extent.
#[derive(Debug, Args)]
pub struct ScaleOptions {
    /// The numbers of live codes, in ascending order.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [300_000, 10_000_000])]
    codes: Vec<usize>,
    /// How often the server is killed and restarted at each number.
    #[arg(long, default_value_t = 3)]
    kills: usize,
    #[command(flatten)]
    rounds: rounds::RoundsOptions,
}

/// The measurements at one number of codes.
struct Stage {
    /// The number of live codes at the start.
    codes: usize,
    memory: u64,
    folder: u64,
    rates: Vec<Vec<Pair>>,
    /// The seconds of each start after a kill.
    starts: Vec<f64>,
    /// The seconds of background work after the last start.
    busy: f64,
    codes_after_starts: usize,
    memory_after_starts: u64,
    rates_after_starts: Vec<Vec<Pair>>,
}

/// Runs the benchmark and prints its tables.
pub fn run(setting: &Setting, extent: &ScaleOptions) -> Result<()> {
    let (sizes, kills) = match setting.quick {
        true => (&[2_000, 10_000][..], 1),
        false => (&*extent.codes, extent.kills),
    };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let most = (sizes.iter().max().ok_or("no number of codes was given")? + MARGIN).to_string();
    let face = Face { environment: &[("PASSBRIDGE_CODES__MAX_LIVE_CODES", &most)], ..GRPC };
    let serve = || -> Result<Server> {
        let server = Server::passbridge(&setting.server, data.path(), &face)?;
        server.wait_until_ready()?;
        Ok(server)
    };
    let bench = Bench { setting, data: data.path(), rounds: Rounds::new(setting, &extent.rounds), serve };
    let mut servers = Throughput::of((bench.serve)()?, Some(TTL))?;
    let stages =
        sizes.iter().map(|size| bench.stage(&mut servers, *size, kills)).collect::<Result<Vec<_>>>()?;
    println!("{}\n{}\n{}", servers.describe(), rates(&stages), footprints(&stages));
    servers.end()
}

/// The parts that stay the same for all numbers of codes.
struct Bench<'a, S> {
    setting: &'a Setting,
    data: &'a Path,
    rounds: Rounds,
    serve: S,
}

impl<S: Fn() -> Result<Server>> Bench<'_, S> {
    fn stage(&self, servers: &mut Throughput, size: usize, kills: usize) -> Result<Stage> {
        self.fill(servers, size)?;
        let (codes, memory) = (servers.create.code_count(), resident_memory(&servers.passbridge)?);
        let folder = folder_size(self.data);
        eprintln!("{codes} codes, {}", mebibytes(memory as f64));
        let rates = self.rounds.measure(servers, &CASES)?;
        let starts = (0..kills).map(|_| self.restart(servers)).collect::<Result<_>>()?;
        let busy = servers.passbridge.settle()?.as_secs_f64();
        Ok(Stage {
            codes,
            memory,
            folder,
            rates,
            starts,
            busy,
            codes_after_starts: servers.create.code_count(),
            memory_after_starts: resident_memory(&servers.passbridge)?,
            rates_after_starts: self.rounds.measure(servers, &CASES)?,
        })
    }

    fn fill(&self, servers: &Throughput, size: usize) -> Result<()> {
        let start = clock::now();
        let fill = Fill { create: Arc::clone(&servers.create), count: size };
        let plan = Plan {
            in_flight: 256,
            threads: self.setting.client_threads,
            from: start,
            until: start + Duration::from_secs(7_200),
        };
        let tally = load::run(servers.passbridge.address, &Arc::new(fill), plan)?.complete()?;
        servers.passbridge.settle()?;
        eprintln!("{:.0} creates/s", tally.answered as f64 / clock::since(start).as_secs_f64());
        Ok(())
    }

    /// Kills the server right after creates, starts the next one, and returns the duration of the start.
    fn restart(&self, servers: &mut Throughput) -> Result<f64> {
        let more = servers.create.code_count() + 1_000;
        let fill = Fill { create: Arc::clone(&servers.create), count: more };
        let from = clock::now();
        let plan = Plan { in_flight: 256, threads: 1, from, until: from + Duration::from_secs(60) };
        load::run(servers.passbridge.address, &Arc::new(fill), plan)?.complete()?;
        servers.passbridge.kill();
        let start = clock::now();
        servers.passbridge = (self.serve)()?;
        let seconds = clock::since(start).as_secs_f64();
        eprintln!("ready after {seconds:.3} s");
        Ok(seconds)
    }
}

/// Numbers of codes are compared by the ratio to the echo, because the machine may have become slower.
fn rates(stages: &[Stage]) -> String {
    let mut table = Table::new(&[
        "live codes",
        "call",
        "passbridge/s",
        "echo/s",
        "ratio, median (range)",
        "server CPU s per 1000 calls",
        "ratio to the echo's",
        "rate, of that at the fewest codes",
        "target",
    ]);
    for (index, case) in CASES.iter().enumerate() {
        let rate = |measurement: &Measurement| measurement.throughput;
        let cpu = |measurement: &Measurement| measurement.server_cpu;
        let at_first = stages.first().and_then(|stage| stage.rates.get(index));
        let at_first = at_first.map(|pairs| median(pairs.iter().map(|pair| pair.ratio(rate))));
        for (position, stage) in stages.iter().enumerate() {
            for (when, codes, rates) in [
                ("", stage.codes, &stage.rates),
                (", after the kills", stage.codes_after_starts, &stage.rates_after_starts),
            ] {
                let Some(pairs) = rates.get(index) else { continue };
                let kept = median(pairs.iter().map(|pair| pair.ratio(rate))) / at_first.unwrap_or(f64::NAN);
                let target = if position == 0 { Target::None } else { Target::AtLeast(0.8) };
                table.row(&[
                    format!("{codes}{when}"),
                    format!("{:?}, {} in flight", case.call, case.in_flight),
                    format!("{:.0}", median(pairs.iter().map(|pair| rate(&pair.passbridge)))),
                    format!("{:.0}", median(pairs.iter().map(|pair| rate(&pair.reference)))),
                    spread(pairs.iter().map(|pair| pair.ratio(rate)), ""),
                    format!("{:.4}", median(pairs.iter().map(|pair| cpu(&pair.passbridge)))),
                    spread(pairs.iter().map(|pair| pair.ratio(cpu)), ""),
                    format!("{kept:.2}"),
                    target.judge(kept),
                ]);
            }
        }
    }
    table.into_text()
}

fn footprints(stages: &[Stage]) -> String {
    let mut table = Table::new(&["live codes", "figure", "median (range)", "target"]);
    for (position, stage) in stages.iter().enumerate() {
        let mut memory = |codes: usize, memory: u64, name: &str, of: fn(&Stage) -> (usize, u64)| {
            table.row(&[&*codes.to_string(), name, &mebibytes(memory as f64), ""]);
            let Some(first) = stages.first().filter(|_| position > 0).map(of) else { return };
            let bytes = (memory as f64 - first.1 as f64) / (codes as f64 - first.0 as f64);
            let name = format!("{name}, bytes per code beyond the fewest");
            table.row(&[
                &*codes.to_string(),
                &name,
                &format!("{bytes:.1}"),
                &Target::AtMost(64.0).judge(bytes),
            ]);
        };
        memory(stage.codes, stage.memory, "memory", |stage| (stage.codes, stage.memory));
        memory(stage.codes_after_starts, stage.memory_after_starts, "memory after the kills", |stage| {
            (stage.codes_after_starts, stage.memory_after_starts)
        });
        let codes = stage.codes.to_string();
        table.row(&[&*codes, "data folder", &mebibytes(stage.folder as f64), ""]);
        let bytes = format!("{:.0}", stage.folder as f64 / stage.codes as f64);
        table.row(&[&*codes, "data folder, bytes per code", &bytes, ""]);
        let starts = || stage.starts.iter().copied();
        let target = Target::AtMost(2.0).judge(median(starts()));
        table.row(&[&*codes, "ready after SIGKILL right after creates", &spread(starts(), " s"), &target]);
        table.row(&[&*codes, "background work after that", &format!("{:.1} s", stage.busy), ""]);
    }
    table.into_text()
}
