//! What operators see: the log, metrics, and OpenTelemetry traces.
//!
//! None of them contains device ids, codes, tokens or addresses.

mod background;
mod call;
#[cfg(test)]
mod captured_log;
mod library_detail;
mod log;
mod metrics;
mod request;
mod sparse;
mod store_collector;
mod trace;

use std::sync::Arc;

use http::{HeaderMap, Method};

pub(crate) use call::{CallRecord, code_name};
#[cfg(test)]
pub(crate) use captured_log::CapturedLog;
pub(crate) use log::{init, report_defect, report_error};
pub(crate) use metrics::Metrics;
pub(crate) use request::RequestRecord;
#[cfg(test)]
pub(crate) use sparse::QUIET;
pub(crate) use sparse::{Sparse, SparseLine};
pub(crate) use store_collector::StoreReadings;
pub(crate) use trace::{TraceExport, trace_headers};

use trace::CallSampler;

/// Records calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    metrics: Arc<Metrics>,
    /// `None` if no traces are exported, so that calls have no overhead.
    sampler: Option<Arc<CallSampler>>,
}

impl Telemetry {
    /// Records to `metrics`, and to `traces` if they are exported.
    #[must_use]
    pub(crate) fn new(metrics: Arc<Metrics>, traces: Option<&TraceExport>) -> Self {
        Self { metrics, sampler: traces.map(TraceExport::sampler) }
    }

    /// Starts recording a gRPC call.
    #[must_use]
    pub(crate) fn begin_call(&self, method: &'static str, headers: &HeaderMap) -> CallRecord {
        let span = self.sampler.as_ref().and_then(|sampler| sampler.span(method, headers));
        CallRecord::begin(Arc::clone(&self.metrics), method, span)
    }

    /// Starts recording a REST call. `route` is one of a closed set.
    #[must_use]
    pub(crate) fn begin_request(
        &self,
        method: &Method,
        route: &'static str,
        headers: &HeaderMap,
    ) -> RequestRecord {
        let method = request::method_name(method);
        let sampler = self.sampler.as_ref();
        let span = sampler.and_then(|sampler| sampler.request_span(method, route, headers));
        RequestRecord::begin(Arc::clone(&self.metrics), method, route, span)
    }

    #[must_use]
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
