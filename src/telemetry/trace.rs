//! Traces over OTLP, configured by the standard `OTEL_*` variables. A call that is not sampled costs a
//! decision but no span: a span for every call would be the most expensive part of it.

use std::{env, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, TraceId,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanKind, TraceContextExt, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SdkTracerProvider, ShouldSample},
};
use tracing::{Span, Subscriber, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use super::log::TelemetryError;
use crate::domain::call::CallContext;

/// The target of exported spans.
const TARGET: &str = "passbridge::rpc";

/// The export of traces.
#[derive(Debug)]
pub struct TraceExport {
    provider: SdkTracerProvider,
    sampler: Arc<CallSampler>,
}

/// Decides for each call whether it gets a span.
#[derive(Debug)]
pub(super) struct CallSampler {
    sampler: Sampler,
    propagator: TraceContextPropagator,
    ids: RandomIdGenerator,
}

impl TraceExport {
    /// The export that the environment variables request: by an endpoint, or by `OTEL_TRACES_EXPORTER=otlp`.
    pub(super) fn from_environment() -> Result<Option<Self>, TelemetryError> {
        if !is_requested() {
            return Ok(None);
        }
        let protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            .or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if protocol.as_deref().is_some_and(|protocol| protocol != "grpc") {
            return Err(TelemetryError::Traces(
                "OTEL_EXPORTER_OTLP_PROTOCOL: must be \"grpc\", the only supported protocol; set it to that, or unset it"
                    .to_owned(),
            ));
        }
        let sampler = sampler(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"))?;
        let exporter = SpanExporter::builder().with_tonic().build().map_err(|error| {
            TelemetryError::Traces(format!("cannot set up the export of traces: {error}"))
        })?;
        let resource = Resource::builder();
        let resource = match variable("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name("passbridge"),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            // A call with a span has already been sampled.
            .with_sampler(Sampler::AlwaysOn)
            .build();
        let sampler = CallSampler {
            sampler,
            propagator: TraceContextPropagator::new(),
            ids: RandomIdGenerator::default(),
        };
        Ok(Some(Self { provider, sampler: Arc::new(sampler) }))
    }

    pub(super) fn sampler(&self) -> Arc<CallSampler> {
        Arc::clone(&self.sampler)
    }

    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("passbridge"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(Targets::new().with_target(TARGET, tracing::Level::INFO))
    }

    /// Sends the remaining traces and ends the export. Blocks; the runtime that it was set up on must keep
    /// running.
    pub fn shutdown(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "last traces could not be exported");
        }
    }
}

impl CallSampler {
    /// The span of a gRPC call, if it is sampled.
    pub(super) fn span(&self, method: &'static str, headers: &HeaderMap) -> Option<Span> {
        let parent = self.sample(method, headers)?;
        let span = tracing::info_span!(
            target: TARGET,
            "rpc",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            error.type = Empty,
        );
        Some(with_parent(span, parent))
    }

    /// The span of a REST call, if it is sampled.
    pub(super) fn request_span(
        &self,
        method: &'static str,
        route: &'static str,
        headers: &HeaderMap,
    ) -> Option<Span> {
        let name = format!("{method} {route}");
        let parent = self.sample(&name, headers)?;
        let span = tracing::info_span!(
            target: TARGET,
            "http",
            otel.name = name,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            error.type = Empty,
        );
        Some(with_parent(span, parent))
    }

    /// The parent context of a sampled call, which may be empty; `None` if the call is not sampled.
    fn sample(&self, name: &str, headers: &HeaderMap) -> Option<Context> {
        let parent = self.propagator.extract_with_context(&Context::new(), &Headers(headers));
        let has_parent = parent.span().span_context().is_valid();
        let trace_id: TraceId =
            if has_parent { parent.span().span_context().trace_id() } else { self.ids.new_trace_id() };
        let decision = self.sampler.should_sample(
            has_parent.then_some(&parent),
            trace_id,
            name,
            &SpanKind::Server,
            &[],
            &[],
        );
        (decision.decision == SamplingDecision::RecordAndSample).then_some(parent)
    }
}

fn with_parent(span: Span, parent: Context) -> Span {
    if parent.span().span_context().is_valid() {
        // Fails only if no layer exports spans, and then the parent is not needed.
        let _ = span.set_parent(parent);
    }
    span
}

/// Adds the trace context (W3C Trace Context) to the headers of an outbound call: that of the current span,
/// or else the caller's.
pub(crate) fn trace_headers(context: &CallContext, headers: &mut HeaderMap) {
    let span = Span::current();
    if !span.is_none() && span.context().span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
    } else if let Some(trace) = &context.trace {
        headers.insert("traceparent", trace.parent.clone());
        if let Some(state) = &trace.state {
            headers.insert("tracestate", state.clone());
        }
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

fn is_requested() -> bool {
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    match variable("OTEL_TRACES_EXPORTER").as_deref() {
        Some("otlp") => true,
        Some(_) => false,
        None => ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
            .into_iter()
            .any(|name| variable(name).is_some()),
    }
}

/// The value of a variable. An empty one counts as unset (OpenTelemetry environment variable specification).
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn sampler(name: Option<String>, argument: Option<String>) -> Result<Sampler, TelemetryError> {
    let ratio = || match &argument {
        None => Ok(1.0),
        Some(text) => text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
            TelemetryError::Traces(format!(
                "OTEL_TRACES_SAMPLER_ARG: must be a ratio from 0 to 1, but is {text:?}"
            ))
        }),
    };
    let parent_based = |sampler| Sampler::ParentBased(Box::new(sampler));
    Ok(match name.as_deref() {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => parent_based(Sampler::TraceIdRatioBased(ratio()?)),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => Sampler::TraceIdRatioBased(ratio()?),
        Some(other) => {
            return Err(TelemetryError::Traces(format!(
                "OTEL_TRACES_SAMPLER: must be one of always_on, always_off, traceidratio, parentbased_always_on, \
                 parentbased_always_off, parentbased_traceidratio, but is {other:?}"
            )));
        }
    })
}
