//! passbridge and its reference under the same load, one after the other.

use super::{
    Result,
    comparison::Comparison,
    measurement::{Measurement, MeasurementPlan},
};

/// Measurements of both under the same load.
pub struct Pair {
    pub passbridge: Measurement,
    pub reference: Measurement,
}

impl Pair {
    /// The reference goes first in every other round, so that a machine that becomes slower favors neither.
    pub fn measure<C: Comparison>(
        comparison: &C,
        call: C::Call,
        plan: MeasurementPlan,
        reference_first: bool,
    ) -> Result<Self> {
        if reference_first {
            let reference = comparison.reference(call, plan)?;
            return Ok(Self { passbridge: comparison.passbridge(call, plan)?, reference });
        }
        let passbridge = comparison.passbridge(call, plan)?;
        Ok(Self { passbridge, reference: comparison.reference(call, plan)? })
    }

    /// The ratio of passbridge's figure to the reference's.
    pub fn ratio(&self, of: impl Fn(&Measurement) -> f64) -> f64 {
        of(&self.passbridge) / of(&self.reference)
    }

    /// A one-line summary.
    pub fn summary(&self, reference_name: &str) -> String {
        let Self { passbridge, reference } = self;
        format!(
            "{:.0}/s, {reference_name} {:.0}/s, ratio {:.2}, of server CPU per call {:.2}; \
             cores busy with something else {:.2} and {:.2}",
            passbridge.throughput,
            reference.throughput,
            self.ratio(|measurement| measurement.throughput),
            self.ratio(|measurement| measurement.server_cpu),
            passbridge.other_cores,
            reference.other_cores
        )
    }

    /// The number of cores that were busy with other work during either measurement.
    pub fn other_cores(&self) -> f64 {
        self.passbridge.other_cores.max(self.reference.other_cores)
    }
}
