//! Metrics in OpenMetrics text, for Prometheus and compatible systems.

use std::{fmt, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use http::Method;
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::domain::clock::Timestamp;

use super::{
    background::dropped_lines,
    request::method_name,
    store_collector::{StoreCollector, StoreReadings},
};

/// Bounds of the duration buckets, in seconds: those that the OpenTelemetry conventions recommend for RPCs,
/// and smaller ones, because most calls to a local store take less.
const SECONDS: [f64; 17] = [
    0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    http_route: &'static str,
    http_response_status_code: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    environment: String,
    http_request_method: &'static str,
    http_response_status_code: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    environment: String,
    decision: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProfileLabels {
    environment: String,
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EnvironmentLabels {
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    listener: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScheduleLabels {
    schedule: String,
    result: &'static str,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    read_store: Box<dyn Fn() -> BoxFuture<'static, StoreReadings> + Send + Sync>,
    calls: Family<CallLabels, Histogram, fn() -> Histogram>,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    upstream_calls: Family<UpstreamLabels, Histogram, fn() -> Histogram>,
    schedule_runs: Family<ScheduleLabels, Counter>,
    code_lookup_misses: Family<EnvironmentLabels, Counter>,
    logins: Family<EnvironmentLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    profile_lookups: Family<ProfileLabels, Counter>,
    connections: Family<ListenerLabels, Gauge>,
    connections_opened: Family<ListenerLabels, Counter>,
    tls_handshakes: Family<HandshakeLabels, Counter>,
    tls_reloads: Family<ResultLabels, Counter>,
    tls_certificate_end: Family<ListenerLabels, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Creates the metrics of a process. `read_store` reads those of the store.
    #[must_use]
    pub fn new<F>(read_store: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = StoreReadings> + Send + 'static,
    {
        let mut registry = Registry::default();
        let calls = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let requests = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let upstream_calls = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let schedule_runs = Family::default();
        let code_lookup_misses = Family::default();
        let (logins, decisions, profile_lookups) = (Family::default(), Family::default(), Family::default());
        let connections = Family::default();
        let connections_opened = Family::default();
        let tls_handshakes = Family::default();
        let tls_reloads = Family::default();
        let tls_certificate_end = Family::default();
        registry.register_with_unit(
            "rpc_server_call_duration",
            "Time from a call's headers to its status",
            Unit::Seconds,
            calls.clone(),
        );
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a REST call's headers to its response; without a status if the client disconnected",
            Unit::Seconds,
            requests.clone(),
        );
        registry.register_with_unit(
            "http_client_request_duration",
            "Time of a call to an environment's upstream, for each attempt; without a status if there was no response",
            Unit::Seconds,
            upstream_calls.clone(),
        );
        registry.register(
            "passbridge_schedule_runs",
            "Runs of scheduled TempPass resets",
            schedule_runs.clone(),
        );
        registry.register(
            "passbridge_code_lookup_misses",
            "Failed lookups of codes that were charged to a viewer or caller; a high rate indicates guessing",
            code_lookup_misses.clone(),
        );
        registry.register(
            "passbridge_logins",
            "Logins with an operator, counted when first seen",
            logins.clone(),
        );
        registry.register("passbridge_decisions", "Authorization decisions", decisions.clone());
        registry.register(
            "passbridge_profile_lookups",
            "Lookups of whether a device is logged in, by source: memory or upstream",
            profile_lookups.clone(),
        );
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("passbridge_build", "The running version", version);
        registry.register("passbridge_connections", "Open connections", connections.clone());
        registry.register("passbridge_connections_opened", "Opened connections", connections_opened.clone());
        registry.register(
            "passbridge_tls_handshakes",
            "TLS handshakes, by result: completed, or the reason of the failure",
            tls_handshakes.clone(),
        );
        registry.register(
            "passbridge_tls_reloads",
            "Reloads of changed TLS files: done, or refused because they are unusable",
            tls_reloads.clone(),
        );
        registry.register_with_unit(
            "passbridge_tls_certificate_end",
            "When the certificate of a listener expires, as Unix time",
            Unit::Seconds,
            tls_certificate_end.clone(),
        );
        Self {
            registry,
            read_store: Box::new(move || read_store().boxed()),
            calls,
            requests,
            upstream_calls,
            schedule_runs,
            code_lookup_misses,
            logins,
            decisions,
            profile_lookups,
            connections,
            connections_opened,
            tls_handshakes,
            tls_reloads,
            tls_certificate_end,
        }
    }

    /// All metrics in OpenMetrics text, with current readings of the store and the log.
    pub async fn render(&self) -> String {
        let mut current = Registry::default();
        current.register_collector(Box::new(StoreCollector((self.read_store)().await)));
        current.register(
            "passbridge_log_lines_dropped",
            "Log lines dropped because they arrived faster than they could be written",
            ConstCounter::new(dropped_lines()),
        );
        let mut text = String::new();
        for registry in [&self.registry, &current] {
            // Writing to a String cannot fail.
            let _ = encode_registry(&mut text, registry);
        }
        let _ = encode_eof(&mut text);
        text
    }

    /// Records a gRPC call.
    pub(super) fn observe_call(&self, method: &'static str, code: &'static str, duration: Duration) {
        let labels = CallLabels { rpc_method: method, rpc_response_status_code: code };
        self.calls.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Records a REST call.
    pub(super) fn observe_request(
        &self,
        method: &'static str,
        route: &'static str,
        status: Option<u16>,
        duration: Duration,
    ) {
        let labels = RequestLabels {
            http_request_method: method,
            http_route: route,
            http_response_status_code: status,
        };
        self.requests.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Records a call to the upstream of an environment.
    pub fn observe_upstream_call(
        &self,
        environment: &str,
        method: &Method,
        status: Option<u16>,
        duration: Duration,
    ) {
        let labels = UpstreamLabels {
            environment: environment.to_owned(),
            http_request_method: method_name(method),
            http_response_status_code: status,
        };
        self.upstream_calls.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Counts a run of a schedule.
    pub fn schedule_ran(&self, schedule: &str, result: &'static str) {
        let labels = ScheduleLabels { schedule: schedule.to_owned(), result };
        self.schedule_runs.get_or_create(&labels).inc();
    }

    /// Counts a failed lookup of a code that was charged to a viewer or caller.
    pub fn code_lookup_missed(&self, environment: &str) {
        let labels = EnvironmentLabels { environment: environment.to_owned() };
        self.code_lookup_misses.get_or_create(&labels).inc();
    }

    /// Counts a login.
    pub fn login_seen(&self, environment: &str) {
        let labels = EnvironmentLabels { environment: environment.to_owned() };
        self.logins.get_or_create(&labels).inc();
    }

    /// Counts a decision.
    pub fn decision_made(&self, environment: &str, is_permitted: bool) {
        let decision = if is_permitted { "permit" } else { "deny" };
        let labels = DecisionLabels { environment: environment.to_owned(), decision };
        self.decisions.get_or_create(&labels).inc();
    }

    /// Counts a lookup of whether a device is logged in.
    pub fn profile_looked_up(&self, environment: &str, is_from_memory: bool) {
        let source = if is_from_memory { "memory" } else { "upstream" };
        let labels = ProfileLabels { environment: environment.to_owned(), source };
        self.profile_lookups.get_or_create(&labels).inc();
    }

    /// Counts an opened connection of a listener.
    pub fn connection_opened(&self, listener: &'static str) {
        self.connections.get_or_create(&ListenerLabels { listener }).inc();
        self.connections_opened.get_or_create(&ListenerLabels { listener }).inc();
    }

    /// Counts a TLS handshake. `result` is one of a closed set.
    pub fn tls_handshake(&self, listener: &'static str, result: &'static str) {
        self.tls_handshakes.get_or_create(&HandshakeLabels { listener, result }).inc();
    }

    /// Counts a reload of changed TLS files.
    pub fn tls_reloaded(&self, result: &'static str) {
        self.tls_reloads.get_or_create(&ResultLabels { result }).inc();
    }

    /// Sets when the certificate of a listener expires, if it has one.
    pub fn tls_certificate_expires(&self, listener: &'static str, end: Option<Timestamp>) {
        let labels = ListenerLabels { listener };
        match end.map(|end| i64::try_from(end.as_millis() / 1000).unwrap_or(i64::MAX)) {
            Some(seconds) => drop(self.tls_certificate_end.get_or_create(&labels).set(seconds)),
            None => drop(self.tls_certificate_end.remove(&labels)),
        }
    }

    /// Counts a closed connection of a listener.
    pub fn connection_closed(&self, listener: &'static str) {
        self.connections.get_or_create(&ListenerLabels { listener }).dec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn each_scrape_reads_the_store() {
        let live = Arc::new(AtomicU64::new(0));
        let metrics = Metrics::new(move || {
            let live = Arc::clone(&live);
            async move {
                tokio::task::yield_now().await;
                let count = live.fetch_add(1, Ordering::Relaxed);
                StoreReadings { live_codes: vec![("default".to_owned(), count)], ..StoreReadings::default() }
            }
        });
        for count in 0..2 {
            let text = metrics.render().await;
            let line = format!("passbridge_live_codes{{environment=\"default\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
            assert!(text.contains("passbridge_build_info") && text.ends_with("# EOF\n"), "{text}");
            assert_eq!(text.matches("# EOF").count(), 1, "{text}");
        }
    }
}
