//! Serves until shutdown is requested, then drains in a fixed order.

use std::time::Duration;

use super::{App, Listeners, StartError, background::BackgroundTasks, faces::Faces, services::FINISH_MAX};
use crate::{
    config::OnWriteFailure,
    domain::{device_info::Normalizer, error::StoreError, port::Store},
    server::{Detached, Serving, Shutdown, WorkerPool},
};

impl App {
    /// Serves until `stop` completes, then drains: reports NOT_SERVING, ends streams, and closes remaining connections
    /// after the drain timeout.
    ///
    /// # Errors
    /// If the store does not close cleanly, or if the server stopped because of a failed write.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let shutdown = Shutdown::default();
        let faces = Faces::new(&self, &shutdown)?;
        // Before the server reports ready: otherwise the first calls would wait for it.
        let _ = tokio::task::spawn_blocking(Normalizer::warm_up).await;
        let Self { config, services, listeners, telemetry, status, tls, pool, .. } = self;
        let (config, Listeners { grpc, rest, admin, operations }) = (config.written, listeners);
        let background =
            BackgroundTasks::start(admin, operations, config.grpc.auth, &services, &telemetry, &status, &tls)
                .await;
        let serving = Serving { pool: &pool, shutdown: &shutdown, telemetry: &telemetry };
        let mut accepting = Box::pin(faces.accept(grpc, rest, serving, &tls, &config));
        let failure = tokio::select! {
            () = &mut accepting => None,
            () = stop => None,
            failure = write_failure(&services.store, config.store.on_write_failure) => Some(failure),
        };
        tracing::info!("draining");
        background.stop_starting_runs();
        status.report_draining();
        tokio::select! {
            () = &mut accepting => {}
            () = tokio::time::sleep(config.runtime.drain_delay.0) => {}
        }
        shutdown.drain.cancel();
        accepting.await;
        end_calls(pool, &shutdown, &services.detached, config.runtime.drain_timeout.0).await;
        let background = background.wait_for_schedules().await;
        services.finish().await;
        shutdown.cut.cancel();
        background.end().await;
        services.store.health.close().await?;
        tracing::info!("stopped");
        failure.map_or(Ok(()), |failure| Err(StartError::WriteFailed(failure)))
    }
}

/// Completes when a write fails and the configuration says to exit in this case.
async fn write_failure(store: &Store, on_write_failure: OnWriteFailure) -> StoreError {
    match on_write_failure {
        OnWriteFailure::Exit => {
            let failure = store.health.write_failure().await;
            tracing::error!(reason = %failure, "store write failed; shutting down, since only a restart can determine what reached the disk");
            failure
        }
        OnWriteFailure::Stay => std::future::pending().await,
    }
}

/// Waits for calls, and for detached tasks that outlive their callers, since an upstream may be slow.
async fn end_calls(pool: WorkerPool, shutdown: &Shutdown, detached: &Detached, limit: Duration) {
    detached.tasks.close();
    let jobs = pool.jobs();
    let mut ended = tokio::task::spawn_blocking(move || pool.join());
    if tokio::time::timeout(limit, &mut ended).await.is_ok() {
        return;
    }
    match (jobs.under_way(), detached.tasks.len()) {
        (0, tasks) => tracing::warn!(tasks, "drain timeout exceeded; waiting for detached tasks"),
        (connections, tasks) => {
            tracing::warn!(connections, tasks, "drain timeout exceeded; closing remaining connections");
        }
    }
    shutdown.cut.cancel();
    if tokio::time::timeout(FINISH_MAX, &mut ended).await.is_err() {
        let tasks = detached.tasks.len();
        tracing::warn!(tasks, "dropping detached tasks that did not finish in time");
        detached.abandon.cancel();
        let _ = ended.await;
    }
}
