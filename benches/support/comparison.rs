//! Calls a second, latency and processor time for each, beside a yardstick whose answers have the same sizes.

use std::{fmt::Debug, path::Path};

use super::{
    Result, Setting, disk, machine,
    measurement::{Measurement, MeasurementPlan},
    pair::Pair,
    report::{Table, Target, median, spread},
    rounds::{Rounds, RoundsOptions},
};

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

/// A call that is another with something more, and where its figures should be as ratios to the other's.
#[allow(dead_code, reason = "not every benchmark has one")]
pub struct Variant<C> {
    /// The call.
    pub call: C,
    /// The other.
    pub of: C,
    /// Calls a second.
    pub throughput: Target,
    /// Processor time of the server for each call.
    pub cpu: Target,
}

/// What is measured beside what.
pub trait Comparison: Sized {
    /// What can be called.
    type Call: Copy + Debug + PartialEq + 'static;

    /// What passbridge is measured beside, in a word.
    const YARDSTICK: &'static str;

    /// What is measured.
    const CASES: &'static [Case<Self::Call>];

    /// Which of the calls are also measured by another of them, wherever both are made with as many in flight.
    const VARIANTS: &'static [Variant<Self::Call>] = &[];

    /// Starts the servers.
    fn start(setting: &Setting, data: &Path) -> Result<Self>;

    /// Calls passbridge with what costs it the most, before anything is measured.
    fn warm_up(&self, course: MeasurementPlan) -> Result<()>;

    /// Measures passbridge.
    fn passbridge(&self, call: Self::Call, course: MeasurementPlan) -> Result<Measurement>;

    /// Measures the yardstick.
    fn yardstick(&self, call: Self::Call, course: MeasurementPlan) -> Result<Measurement>;

    /// How large what was sent is, and what else has to be known of the figures.
    fn describe(&self) -> String;

    /// Ends the servers.
    fn end(self) -> Result<()>;
}

/// Runs the benchmark and prints its table.
pub fn run<C: Comparison>(setting: &Setting, options: &RoundsOptions) -> Result<()> {
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let comparison = C::start(setting, data.path())?;
    let rounds = Rounds::new(setting, options);
    // Connections, caches and allocators fill, and the User-Agent patterns are built.
    comparison.warm_up(MeasurementPlan { duration: rounds.duration / 2, ..rounds.course(64) })?;
    let results = rounds.measure(&comparison, C::CASES)?;
    print!("{}\n{}", comparison.describe(), table::<C>(&results));
    comparison.end()
}

fn table<C: Comparison>(results: &[Vec<Pair>]) -> String {
    let columns = ["call", "figure", "passbridge", C::YARDSTICK, "ratio, median (range)", "target"];
    let mut table = Table::new(&columns);
    for (case, pairs) in C::CASES.iter().zip(results) {
        let call = format!("{:?}, {} in flight", case.call, case.in_flight);
        let mut row = |figure: &str, of: fn(&Measurement) -> f64, digits: usize, target: Target| {
            let ratios = || pairs.iter().map(|pair| pair.ratio(of));
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
        for variant in C::VARIANTS.iter().filter(|variant| variant.call == case.call) {
            variant_rows::<C>(&mut table, variant, case.in_flight, pairs, results);
        }
    }
    table.into_text()
}

/// A variant's figures as ratios to those of the other call of the same round.
fn variant_rows<C: Comparison>(
    table: &mut Table,
    variant: &Variant<C::Call>,
    in_flight: usize,
    pairs: &[Pair],
    results: &[Vec<Pair>],
) {
    let is_other = |case: &Case<C::Call>| case.call == variant.of && case.in_flight == in_flight;
    let Some(other) = C::CASES.iter().position(is_other).and_then(|index| results.get(index)) else { return };
    let mut row = |figure: &str, of: fn(&Measurement) -> f64, target: Target| {
        let both = pairs.iter().zip(other);
        let ratios: Vec<_> = both.map(|(pair, other)| of(&pair.passbridge) / of(&other.passbridge)).collect();
        table.row(&[
            format!("{:?} to {:?}, {in_flight} in flight", variant.call, variant.of),
            figure.to_owned(),
            String::new(),
            String::new(),
            spread(ratios.iter().copied(), ""),
            target.judge(median(ratios)),
        ]);
    };
    row("calls/s", |measurement| measurement.throughput, variant.throughput);
    row("server CPU s per 1000 calls", |measurement| measurement.server_cpu, variant.cpu);
}
