//! Calls a second, latency and processor time for each, beside an echo whose messages have the same sizes.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;

use crate::{
    Result, Setting, disk, load, machine,
    measurement::{Course, Measurement, measure},
    process::{Server, machine_cpu},
    report::{Table, Target, median, spread},
    workload::{Create, Echo, Get, Workload, check_code},
};

/// How long it goes on.
#[derive(Debug, Args)]
pub struct Options {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement is, in seconds, without its warm-up.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How long, in seconds and over the whole run, may be spent on waiting until nothing else keeps the
    /// machine busy, and on measuring again what something else disturbed.
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

/// How many cores may be busy with something else: the kernel's own threads write to the disk and make a tenth.
const DISTURBED: f64 = 0.25;

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 5, seconds: 4, patience: 60 }
    }
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Create,
    Get,
}

/// A row of measurements, and where its figures should be, as ratios to the echo's.
struct Case {
    call: Call,
    in_flight: usize,
    throughput: Target,
    p99: Target,
    cpu: Target,
}

const CASES: [Case; 3] = [
    Case {
        call: Call::Create,
        in_flight: 64,
        throughput: Target::AtLeast(0.45),
        p99: Target::AtMost(3.0),
        cpu: Target::AtMost(2.2),
    },
    Case {
        call: Call::Create,
        in_flight: 256,
        throughput: Target::AtLeast(0.55),
        p99: Target::AtMost(3.0),
        cpu: Target::AtMost(2.2),
    },
    Case {
        call: Call::Get,
        in_flight: 64,
        throughput: Target::AtLeast(0.8),
        p99: Target::None,
        cpu: Target::None,
    },
];

/// Both servers under the same load, one after the other.
#[derive(Debug, Clone, Copy)]
struct Pair {
    passbridge: Measurement,
    echo: Measurement,
}

impl Pair {
    fn summary(&self) -> String {
        let Self { passbridge, echo } = self;
        let (ours, theirs) = (passbridge.throughput, echo.throughput);
        let cpu = passbridge.server_cpu / echo.server_cpu;
        format!(
            "{ours:.0}/s, echo {theirs:.0}/s, ratio {:.2}, of server CPU per call {cpu:.2}; \
             cores busy with something else {:.2} and {:.2}",
            ours / theirs,
            passbridge.other_cores,
            echo.other_cores
        )
    }

    fn other_cores(&self) -> f64 {
        self.passbridge.other_cores.max(self.echo.other_cores)
    }
}

/// Runs the benchmark and prints its table.
pub fn run(setting: &Setting, options: &Options) -> Result<()> {
    let quick = Options { rounds: 1, seconds: 1, patience: 0 };
    let &Options { rounds, seconds, patience } = if setting.quick { &quick } else { options };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let bench = Bench::start(setting, data.path())?;
    let duration = Duration::from_secs(seconds);
    let mut patience = Patience(Duration::from_secs(patience));
    // Connections, caches and allocators fill, and the User-Agent patterns are built.
    let course =
        |in_flight| Course { in_flight, threads: setting.client_threads, warm_up: duration / 4, duration };
    measure(&bench.passbridge, &bench.create, Course { duration: duration / 2, ..course(64) })?;

    let mut results: [Vec<Pair>; CASES.len()] = Default::default();
    for round in 0..rounds {
        for (case, pairs) in CASES.iter().zip(&mut results) {
            let pair = loop {
                patience.wait_until_quiet()?;
                let start = Instant::now();
                let pair = bench.measure(case, course(case.in_flight), round % 2 == 0)?;
                eprintln!("round {}, {:?} at {}: {}", round + 1, case.call, case.in_flight, pair.summary());
                if pair.other_cores() <= DISTURBED || patience.spend(start.elapsed()).is_none() {
                    break pair;
                }
                eprintln!("that was disturbed, and is measured again");
            };
            pairs.push(pair);
        }
    }
    let disturbed = results.iter().flatten().filter(|pair| pair.other_cores() > DISTURBED).count();
    if disturbed > 0 {
        println!(
            "DISTURBED: during {disturbed} pairs of measurements the machine did something else as well."
        );
    }
    print!("{}\n{}", bench.sizes(), table(&results));
    Ok(())
}

/// The servers, and what they are called with.
struct Bench {
    passbridge: Server,
    echo: Server,
    create: Arc<Create>,
    create_echo: Arc<Echo>,
    get_echo: Arc<Echo>,
    sizes: [usize; 4],
}

impl Bench {
    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let passbridge = Server::passbridge(&setting.server, data)?;
        passbridge.wait_until_ready()?;
        let echo = Server::echo()?;
        let create = Arc::new(Create::new(None)?);
        let created = load::once(passbridge.grpc, &*create)?;
        check_code(&created)?;
        create.answered(&created);
        let get = Get::new(create.codes());
        let read = load::once(passbridge.grpc, &get)?;
        let sizes = [create.request_size(), created.len(), get.request_size(), read.len()];
        let (create_echo, get_echo) = (Echo::of_size(sizes[0], sizes[1]), Echo::of_size(sizes[2], sizes[3]));
        let echoed = [load::once(echo.grpc, &create_echo)?.len(), load::once(echo.grpc, &get_echo)?.len()];
        if [create_echo.request_size(), echoed[0], get_echo.request_size(), echoed[1]] != sizes {
            return Err("the echo's messages do not have the sizes of passbridge's".into());
        }
        let (create_echo, get_echo) = (Arc::new(create_echo), Arc::new(get_echo));
        Ok(Self { passbridge, echo, create, create_echo, get_echo, sizes })
    }

    /// The echo goes first in every other round, so that neither gains by a machine that slows down.
    fn measure(&self, case: &Case, course: Course, echo_first: bool) -> Result<Pair> {
        let echo = || measure(&self.echo, self.echo_beside(case.call), course);
        let passbridge = || match case.call {
            Call::Create => measure(&self.passbridge, &self.create, course),
            Call::Get => measure(&self.passbridge, &Arc::new(Get::new(self.create.codes())), course),
        };
        if echo_first {
            let echo = echo()?;
            return Ok(Pair { passbridge: passbridge()?, echo });
        }
        Ok(Pair { passbridge: passbridge()?, echo: echo()? })
    }

    fn echo_beside(&self, call: Call) -> &Arc<Echo> {
        match call {
            Call::Create => &self.create_echo,
            Call::Get => &self.get_echo,
        }
    }

    fn sizes(&self) -> String {
        let [create, created, get, read] = self.sizes;
        format!(
            "Messages in bytes, the echo's too: Create {create} → {created}, Get {get} → {read}. \
             {} connections. Codes in the store at the end: {}.\n",
            load::CONNECTIONS,
            self.create.codes().len()
        )
    }
}

/// The time that is left for waiting.
struct Patience(Duration);

impl Patience {
    fn spend(&mut self, time: Duration) -> Option<()> {
        self.0 = self.0.checked_sub(time)?;
        Some(())
    }

    fn wait_until_quiet(&mut self) -> Result<()> {
        const GLANCE: Duration = Duration::from_secs(1);
        loop {
            let before = machine_cpu()?;
            std::thread::sleep(GLANCE);
            let busy = machine_cpu()?.saturating_sub(before);
            if busy.as_secs_f64() <= DISTURBED || self.spend(GLANCE).is_none() {
                return Ok(());
            }
        }
    }
}

fn table(results: &[Vec<Pair>]) -> String {
    let mut table = Table::new(&["call", "figure", "passbridge", "echo", "ratio, median (range)", "target"]);
    for (case, pairs) in CASES.iter().zip(results) {
        let call = format!("{:?}, {} in flight", case.call, case.in_flight);
        let mut row = |figure: &str, of: fn(&Measurement) -> f64, digits: usize, target: Target| {
            let ratios = || pairs.iter().map(|pair| of(&pair.passbridge) / of(&pair.echo));
            table.row(&[
                call.clone(),
                figure.to_owned(),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.passbridge)))),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.echo)))),
                spread(ratios(), ""),
                target.judge(median(ratios())),
            ]);
        };
        row("calls/s", |measurement| measurement.throughput, 0, case.throughput);
        row("p50, ms", |measurement| measurement.p50, 2, Target::None);
        row("p99, ms", |measurement| measurement.p99, 2, case.p99);
        row("max, ms", |measurement| measurement.max, 2, Target::None);
        row("server CPU s per 1000 calls", |measurement| measurement.server_cpu, 4, case.cpu);
        row("client CPU s per 1000 calls", |measurement| measurement.client_cpu, 4, Target::None);
    }
    table.into_text()
}
