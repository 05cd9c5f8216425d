//! Calls per second, latency and CPU time per call, compared with a reference with responses of the same sizes.

use std::{fmt::Debug, path::Path};

use super::{
    Result, Setting, disk, machine,
    measurement::{Measurement, MeasurementPlan},
    pair::Pair,
    report::{Table, Target, median, spread},
    rounds::{Rounds, RoundsOptions},
};

/// A measured case, with targets for its ratios to the reference.
pub struct Case<C> {
    /// The measured call.
    pub call: C,
    /// The number of calls in flight.
    pub in_flight: usize,
    /// Calls per second.
    pub throughput: Target,
    /// The p99 latency.
    pub p99: Target,
    /// CPU time of the server per call.
    pub cpu: Target,
}

/// A call that extends another one, with targets for its ratios to the other.
#[allow(dead_code, reason = "not every benchmark has one")]
pub struct Variant<C> {
    pub call: C,
    /// The other call.
    pub of: C,
    /// Calls per second.
    pub throughput: Target,
    /// CPU time of the server per call.
    pub cpu: Target,
}

/// A comparison of passbridge with a reference.
pub trait Comparison: Sized {
    type Call: Copy + Debug + PartialEq + 'static;

    /// A short name of the reference.
    const REFERENCE: &'static str;

    /// The measured cases.
    const CASES: &'static [Case<Self::Call>];

    /// Calls that are also compared with another call at the same number of calls in flight.
    const VARIANTS: &'static [Variant<Self::Call>] = &[];

    /// Starts the servers.
    fn start(setting: &Setting, data: &Path) -> Result<Self>;

    /// Calls passbridge with the most expensive call before measurements.
    fn warm_up(&self, plan: MeasurementPlan) -> Result<()>;

    /// Measures passbridge.
    fn passbridge(&self, call: Self::Call, plan: MeasurementPlan) -> Result<Measurement>;

    /// Measures the reference.
    fn reference(&self, call: Self::Call, plan: MeasurementPlan) -> Result<Measurement>;

    /// Describes the message sizes and other conditions of the figures.
    fn describe(&self) -> String;

    /// Stops the servers.
    fn end(self) -> Result<()>;
}

/// Runs the benchmark and prints its table.
pub fn run<C: Comparison>(setting: &Setting, options: &RoundsOptions) -> Result<()> {
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let comparison = C::start(setting, data.path())?;
    let rounds = Rounds::new(setting, options);
    // Fills connections, caches and allocators, and builds the User-Agent patterns.
    comparison.warm_up(MeasurementPlan { duration: rounds.duration / 2, ..rounds.plan(64) })?;
    let results = rounds.measure(&comparison, C::CASES)?;
    print!("{}\n{}", comparison.describe(), table::<C>(&results));
    comparison.end()
}

fn table<C: Comparison>(results: &[Vec<Pair>]) -> String {
    let columns = ["call", "figure", "passbridge", C::REFERENCE, "ratio, median (range)", "target"];
    let mut table = Table::new(&columns);
    for (case, pairs) in C::CASES.iter().zip(results) {
        let call = format!("{:?}, {} in flight", case.call, case.in_flight);
        let mut row = |figure: &str, of: fn(&Measurement) -> f64, digits: usize, target: Target| {
            let ratios = || pairs.iter().map(|pair| pair.ratio(of));
            table.row(&[
                call.clone(),
                figure.to_owned(),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.passbridge)))),
                format!("{:.digits$}", median(pairs.iter().map(|pair| of(&pair.reference)))),
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

/// Adds rows with a variant's ratios to the other call in the same round.
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
