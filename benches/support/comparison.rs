//! Calls a second, latency and processor time for each, beside a yardstick whose answers have the same sizes.

use std::{fmt::Debug, path::Path, time::Duration};

use clap::Args;

use super::{
    Result, Setting, clock, disk, machine,
    measurement::{Course, Measurement},
    patience::{DISTURBED, Patience},
    report::{Table, Target, median, spread},
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

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 5, seconds: 4, patience: 60 }
    }
}

/// A row of measurements, and where its figures should be, as ratios to the yardstick's.
pub struct Case<C> {
    /// What is called.
    pub call: C,
    /// How many calls are in flight.
    pub in_flight: usize,
    /// Calls a second.
    pub throughput: Target,
    /// What one call in a hundred takes longer than.
    pub p99: Target,
    /// Processor time of the server for each call.
    pub cpu: Target,
}

/// What is measured beside what.
pub trait Comparison: Sized {
    /// What can be called.
    type Call: Copy + Debug + 'static;

    /// What passbridge is measured beside, in a word.
    const YARDSTICK: &'static str;

    /// What is measured.
    const CASES: &'static [Case<Self::Call>];

    /// Starts the servers.
    fn start(setting: &Setting, data: &Path) -> Result<Self>;

    /// Calls passbridge with what costs it the most, before anything is measured.
    fn warm_up(&self, course: Course) -> Result<()>;

    /// Measures passbridge.
    fn passbridge(&self, call: Self::Call, course: Course) -> Result<Measurement>;

    /// Measures the yardstick.
    fn yardstick(&self, call: Self::Call, course: Course) -> Result<Measurement>;

    /// How large what was sent is, and what else has to be known of the figures.
    fn describe(&self) -> String;

    /// Ends the servers.
    fn end(self) -> Result<()>;
}

/// Both under the same load.
struct Pair {
    passbridge: Measurement,
    yardstick: Measurement,
}

impl Pair {
    /// The yardstick goes first in every other round, so that neither gains by a machine that slows down.
    fn measure<C: Comparison>(
        comparison: &C,
        call: C::Call,
        course: Course,
        yardstick_first: bool,
    ) -> Result<Self> {
        if yardstick_first {
            let yardstick = comparison.yardstick(call, course)?;
            return Ok(Self { passbridge: comparison.passbridge(call, course)?, yardstick });
        }
        let passbridge = comparison.passbridge(call, course)?;
        Ok(Self { passbridge, yardstick: comparison.yardstick(call, course)? })
    }

    fn summary(&self, yardstick_name: &str) -> String {
        let Self { passbridge, yardstick } = self;
        let (ours, theirs) = (passbridge.throughput, yardstick.throughput);
        let cpu = passbridge.server_cpu / yardstick.server_cpu;
        format!(
            "{ours:.0}/s, {yardstick_name} {theirs:.0}/s, ratio {:.2}, of server CPU per call {cpu:.2}; \
             cores busy with something else {:.2} and {:.2}",
            ours / theirs,
            passbridge.other_cores,
            yardstick.other_cores
        )
    }

    fn other_cores(&self) -> f64 {
        self.passbridge.other_cores.max(self.yardstick.other_cores)
    }
}

/// Runs the benchmark and prints its table.
pub fn run<C: Comparison>(setting: &Setting, options: &Options) -> Result<()> {
    let quick = Options { rounds: 1, seconds: 1, patience: 0 };
    let &Options { rounds, seconds, patience } = if setting.quick { &quick } else { options };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let comparison = C::start(setting, data.path())?;
    let duration = Duration::from_secs(seconds);
    let mut patience = Patience(Duration::from_secs(patience));
    // Connections, caches and allocators fill, and the User-Agent patterns are built.
    let course =
        |in_flight| Course { in_flight, threads: setting.client_threads, warm_up: duration / 4, duration };
    comparison.warm_up(Course { duration: duration / 2, ..course(64) })?;

    let mut results: Vec<Vec<Pair>> = C::CASES.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (case, pairs) in C::CASES.iter().zip(&mut results) {
            let pair = loop {
                patience.wait_until_quiet()?;
                let start = clock::now();
                let pair = Pair::measure(&comparison, case.call, course(case.in_flight), round % 2 == 0)?;
                let summary = pair.summary(C::YARDSTICK);
                eprintln!("round {}, {:?} at {}: {summary}", round + 1, case.call, case.in_flight);
                if pair.other_cores() <= DISTURBED || patience.spend(clock::since(start)).is_none() {
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
    print!("{}\n{}", comparison.describe(), table::<C>(&results));
    comparison.end()
}

fn table<C: Comparison>(results: &[Vec<Pair>]) -> String {
    let columns = ["call", "figure", "passbridge", C::YARDSTICK, "ratio, median (range)", "target"];
    let mut table = Table::new(&columns);
    for (case, pairs) in C::CASES.iter().zip(results) {
        let call = format!("{:?}, {} in flight", case.call, case.in_flight);
        let mut row = |figure: &str, of: fn(&Measurement) -> f64, digits: usize, target: Target| {
            let ratios = || pairs.iter().map(|pair| of(&pair.passbridge) / of(&pair.yardstick));
            table.row(&[
                call.clone(),
                figure.to_owned(),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.passbridge)))),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.yardstick)))),
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
