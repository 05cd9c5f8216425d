//! Everything that is to be compared, measured several times in turn.

use std::time::Duration;

use clap::Args;

use super::{
    Result, Setting, clock,
    comparison::{Case, Comparison},
    measurement::MeasurementPlan,
    pair::Pair,
    patience::{DISTURBED, Patience},
};

/// How long it goes on.
#[derive(Debug, Args)]
pub struct RoundsOptions {
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

impl Default for RoundsOptions {
    fn default() -> Self {
        Self { rounds: 5, seconds: 4, patience: 60 }
    }
}

/// How often everything is measured, and for how long.
pub struct Rounds {
    count: usize,
    /// How long each measurement is, without its warm-up.
    pub duration: Duration,
    patience: Duration,
    client_threads: usize,
}

impl Rounds {
    /// What the options say, or as little as there can be.
    pub fn new(setting: &Setting, options: &RoundsOptions) -> Self {
        let &RoundsOptions { rounds, seconds, patience } = options;
        let (count, duration, patience) = match setting.quick {
            true => (1, Duration::from_millis(250), Duration::ZERO),
            false => (rounds, Duration::from_secs(seconds), Duration::from_secs(patience)),
        };
        Self { count, duration, patience, client_threads: setting.client_threads }
    }

    /// How one measurement goes.
    pub fn course(&self, in_flight: usize) -> MeasurementPlan {
        let &Self { duration, client_threads: threads, .. } = self;
        MeasurementPlan { in_flight, threads, warm_up: duration / 4, duration }
    }

    /// Measures each case in every round, and gives each case's pairs.
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
                "DISTURBED: during {disturbed} pairs of measurements the machine did something else as well."
            );
        }
        Ok(results)
    }

    /// Measures one, and again for as long as something disturbs it and there is patience.
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
                Pair::measure(comparison, case.call, self.course(case.in_flight), round.is_multiple_of(2))?;
            let summary = pair.summary(C::YARDSTICK);
            eprintln!("round {}, {:?} at {}: {summary}", round + 1, case.call, case.in_flight);
            if pair.other_cores() <= DISTURBED || patience.spend(clock::since(start)).is_none() {
                return Ok(pair);
            }
            eprintln!("that was disturbed, and is measured again");
        }
    }
}
