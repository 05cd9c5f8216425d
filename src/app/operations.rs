//! The operations listener: liveness, readiness and metrics.

use std::sync::{Arc, PoisonError, RwLock};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    server::{Accepted, Acceptor, serve_inner},
    telemetry::Telemetry,
};

/// The media type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The connection limit. Scrapers and probes need few connections.
const MAX_CONNECTIONS: usize = 64;

/// Whether the server is ready for calls, or the reason that it is not.
#[derive(Debug, Clone)]
pub(super) struct Readiness(Arc<RwLock<Result<(), String>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Err("starting".to_owned()))))
    }
}

impl Readiness {
    pub(super) fn set(&self, readiness: Result<(), String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = readiness;
    }

    fn get(&self) -> Result<(), String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves until the task is aborted.
pub(super) async fn serve(listener: TcpListener, telemetry: Telemetry, readiness: Readiness) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(metrics).with_state(telemetry));
    // This listener serves until the process exits, so that probes can observe the drain.
    let acceptor = Acceptor::new(listener, MAX_CONNECTIONS, CancellationToken::new());
    while let Some(Accepted { stream, slot, .. }) = acceptor.next().await {
        let connection = serve_inner(stream, router.clone());
        tokio::spawn(async move {
            connection.await;
            drop(slot);
        });
    }
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    match readiness.get() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], telemetry.metrics().render().await)
}
