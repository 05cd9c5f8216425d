//! Passbridge and its yardstick under the same load, one after the other.

use super::{
    Result,
    comparison::Comparison,
    measurement::{Measurement, MeasurementPlan},
};

/// Both under the same load.
pub struct Pair {
    /// What is measured.
    pub passbridge: Measurement,
    /// What it is measured beside.
    pub yardstick: Measurement,
}

impl Pair {
    /// The yardstick goes first in every other round, so that neither gains by a machine that slows down.
    pub fn measure<C: Comparison>(
        comparison: &C,
        call: C::Call,
        course: MeasurementPlan,
        yardstick_first: bool,
    ) -> Result<Self> {
        if yardstick_first {
            let yardstick = comparison.yardstick(call, course)?;
            return Ok(Self { passbridge: comparison.passbridge(call, course)?, yardstick });
        }
        let passbridge = comparison.passbridge(call, course)?;
        Ok(Self { passbridge, yardstick: comparison.yardstick(call, course)? })
    }

    /// Passbridge's figure, in the yardstick's.
    pub fn ratio(&self, of: impl Fn(&Measurement) -> f64) -> f64 {
        of(&self.passbridge) / of(&self.yardstick)
    }

    /// A line about it.
    pub fn summary(&self, yardstick_name: &str) -> String {
        let Self { passbridge, yardstick } = self;
        format!(
            "{:.0}/s, {yardstick_name} {:.0}/s, ratio {:.2}, of server CPU per call {:.2}; \
             cores busy with something else {:.2} and {:.2}",
            passbridge.throughput,
            yardstick.throughput,
            self.ratio(|measurement| measurement.throughput),
            self.ratio(|measurement| measurement.server_cpu),
            passbridge.other_cores,
            yardstick.other_cores
        )
    }

    /// How many cores were busy with something else during either.
    pub fn other_cores(&self) -> f64 {
        self.passbridge.other_cores.max(self.yardstick.other_cores)
    }
}
