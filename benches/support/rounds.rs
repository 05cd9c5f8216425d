//! Repeated measurements of everything that is compared, in alternation.

use std::time::Duration;

use clap::Args;

use super::{
    Result, Setting, clock,
    comparison::{Case, Comparison},
    measurement::MeasurementPlan,
    pair::Pair,
    patience::{DISTURBED, Patience},
};

/// The duration.
#[derive(Debug, Args)]
pub struct RoundsOptions {
    /// The number of rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The duration of each measurement in seconds, without its warm-up.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// The time in seconds, over the whole run, for waiting until the machine is quiet and for repeating disturbed
    /// measurements.
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

impl Default for RoundsOptions {
    fn default() -> Self {
        Self { rounds: 5, seconds: 4, patience: 60 }
    }
}

/// The number and duration of measurements.
pub struct Rounds {
    count: usize,
    /// The duration of each measurement, without its warm-up.
    pub duration: Duration,
    patience: Duration,
    client_threads: usize,
}

impl Rounds {
    /// The rounds of the options, or the minimum with `--quick`.
    pub fn new(setting: &Setting, options: &RoundsOptions) -> Self {
        let &RoundsOptions { rounds, seconds, patience } = options;
        let (count, duration, patience) = match setting.quick {
            true => (1, Duration::from_millis(250), Duration::ZERO),
            false => (rounds, Duration::from_secs(seconds), Duration::from_secs(patience)),
        };
        Self { count, duration, patience, client_threads: setting.client_threads }
    }

    pub fn plan(&self, in_flight: usize) -> MeasurementPlan {
        let &Self { duration, client_threads: threads, .. } = self;
        MeasurementPlan { in_flight, threads, warm_up: duration / 4, duration }
    }

    /// Measures each case in every round and returns the pairs of each case.
    pub fn measure<C: Comparison>(&self, comparison: &C, cases: &[Case<C::Call>]) -> Result<Vec<Vec<Pair>>> {
        let mut patience = Patience(self.patience);
        let mut results: Vec<Vec<Pair>> = cases.iter().map(|_| Vec::new()).collect();
        for round in 0..self.count {
            for (case, pairs) in cases.iter().zip(&mut results) {
                pairs.push(self.measure_case(comparison, case, round, &mut patience)?);
            }
        }
        let disturbed = results.iter().flatten().filter(|pair| pair.other_cores() > DISTURBED).count();
        if disturbed > 0 {
            println!(
                "DISTURBED: the machine was busy with other work during {disturbed} pairs of measurements."
            );
        }
        Ok(results)
    }

    /// Measures one case, and repeats disturbed measurements while patience remains.
    fn measure_case<C: Comparison>(
        &self,
        comparison: &C,
        case: &Case<C::Call>,
        round: usize,
        patience: &mut Patience,
    ) -> Result<Pair> {
        loop {
            patience.wait_until_quiet()?;
            let start = clock::now();
            let pair =
                Pair::measure(comparison, case.call, self.plan(case.in_flight), round.is_multiple_of(2))?;
            let summary = pair.summary(C::REFERENCE);
            eprintln!("round {}, {:?} at {}: {summary}", round + 1, case.call, case.in_flight);
            if pair.other_cores() <= DISTURBED || patience.spend(clock::since(start)).is_none() {
                return Ok(pair);
            }
            eprintln!("disturbed by other work; measuring again");
        }
    }
}
