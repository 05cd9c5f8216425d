//! Serving: the faces and what runs beside them, until the server is asked to end; then draining, in order.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    App, StartError, callers,
    doctor::Access,
    operations::{self, Readiness},
    rest,
    services::{FINISH_MAX, quota},
    upstreams::Upstreams,
};
use crate::{
    backend::upstream::CircuitState,
    config::{AddressLimit, Config, HumanDuration, OnWriteFailure},
    domain::{device_info::Normalizer, error::StoreError, limit::Countable, port::Store},
    grpc::{self, FaceLayer, HealthBoard},
    rest::connected,
    server::{
        Acceptor, Detached, Http1Options, Http2Options, Serving, SharedTls, Shutdown, Transport, WorkerPool,
    },
    service::{
        temp_pass::Outcome,
        throttle::{AddressThrottle, CountedFace},
    },
    telemetry::Telemetry,
};

/// How often the store is asked how it is.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of the server waits for commands, which take milliseconds.
const COMMANDS_END: Duration = Duration::from_secs(5);

impl App {
    /// Serves until `stop` completes, then drains: NOT_SERVING first, then streams end, then the limit.
    ///
    /// # Errors
    /// Where the store cannot be closed in good order, and where the server ended because a write had failed.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let shutdown = Shutdown::default();
        let rest_router = rest::router(&self);
        let routes = grpc::routes(grpc::Parts {
            registration: self.services.registration.clone(),
            temp_pass: self.services.temp_pass.clone(),
            normalizer: Arc::clone(&self.services.normalizer),
            health: self.health.clone(),
            max_message_size: self.config.written.grpc.max_message_size,
        })?;
        // Before it is ready, or the first calls would wait for it.
        let _ = tokio::task::spawn_blocking(Normalizer::warm_up).await;
        let face = Arc::new(FaceLayer {
            telemetry: self.telemetry.clone(),
            callers: callers::of_grpc(self.config.written.grpc.auth, &self.services),
            address_throttle: grpc_address_throttle(&self.config.written, &self.services.store),
            connections: quota(&self.config.written.grpc, Countable::Connections),
            answer_timeout: self.config.written.grpc.answer_timeout.0,
            drain: shutdown.drain.clone(),
        });
        let Self {
            config,
            services,
            grpc,
            rest,
            admin,
            operations,
            telemetry,
            readiness,
            health,
            tls,
            pool,
            ..
        } = self;
        let config = config.written;
        let reporting = telemetry.clone();
        let on_run = move |schedule: &str, outcome: &Outcome| report_run(&reporting, schedule, outcome);
        let scheduler = services.scheduler(Arc::new(on_run));
        let stop_scheduling = CancellationToken::new();
        let scheduling = tokio::spawn(scheduler.clone().run(stop_scheduling.clone()));
        let stop_commands = CancellationToken::new();
        let (auth, issuers, listeners) = (config.grpc.auth, Arc::clone(&services.issuers), Arc::clone(&tls));
        let access = move || Access::present(auth, &issuers, &listeners);
        let commands =
            tokio::spawn(admin.serve(services.for_commands(scheduler, access), stop_commands.clone()));
        let works = report_store(&services.store, &health, &readiness, None).await;
        report_upstreams(&services.upstreams, &health);
        let watching = tokio::spawn(watch_backends(
            services.store.clone(),
            Arc::clone(&services.upstreams),
            health.clone(),
            readiness.clone(),
            works,
        ));
        let operations = tokio::spawn(operations::serve(operations, telemetry.clone(), readiness.clone()));

        let serving = Serving { pool: &pool, shutdown: &shutdown, telemetry: &telemetry };
        let grpc = Acceptor::new(grpc, config.grpc.max_connections, shutdown.drain.clone());
        let rest = Acceptor::new(rest, config.rest.max_connections, shutdown.drain.clone());
        let transport = |listener, tls: &SharedTls, max_connections, write_timeout: HumanDuration| {
            let clock = Arc::clone(&services.clock);
            Transport::new(listener, Arc::clone(tls), max_connections, write_timeout.0, clock)
        };
        let grpc_transport =
            transport("grpc", &tls.grpc, config.grpc.max_connections, config.grpc.write_timeout);
        let rest_transport =
            transport("rest", &tls.rest, config.rest.max_connections, config.rest.write_timeout);
        let watching_files = tokio::spawn(async move { tls.watch().await });
        let rest_options = Http1Options { idle_timeout: config.rest.idle_timeout.0 };
        let mut accepting = Box::pin(async {
            tokio::join!(
                serving.http2(
                    grpc,
                    grpc_transport,
                    move |peer, end| face.around(routes.clone(), peer, end),
                    http2_options(&config)
                ),
                serving.http1(
                    rest,
                    rest_transport,
                    move |peer| connected(rest_router.clone(), peer),
                    rest_options
                ),
            );
        });
        let failure = tokio::select! {
            () = &mut accepting => None,
            () = stop => None,
            failure = write_failure(&services.store, config.store.on_write_failure) => Some(failure),
        };
        tracing::info!("draining");
        watching.abort();
        watching_files.abort();
        stop_scheduling.cancel();
        health.report_draining();
        readiness.set(Err("draining".to_owned()));
        tokio::select! {
            () = &mut accepting => {}
            () = tokio::time::sleep(config.runtime.drain_delay.0) => {}
        }
        shutdown.drain.cancel();
        accepting.as_mut().await;
        drop(accepting);
        end_calls(pool, &shutdown, &services.detached, config.runtime.drain_timeout.0).await;
        // A reset under way has a deadline.
        let _ = scheduling.await;
        services.finish().await;
        shutdown.cut.cancel();
        operations.abort();
        end_commands(&stop_commands, commands).await;
        services.store.health.close().await?;
        tracing::info!("ended");
        failure.map_or(Ok(()), |failure| Err(StartError::WriteFailed(failure)))
    }
}

/// Completes when a write has failed for which the process is to end.
async fn write_failure(store: &Store, on_write_failure: OnWriteFailure) -> StoreError {
    match on_write_failure {
        OnWriteFailure::Exit => {
            let failure = store.health.write_failure().await;
            tracing::error!(reason = %failure, "a write failed: the process ends, for a restart to read what reached the disk");
            failure
        }
        OnWriteFailure::Stay => std::future::pending().await,
    }
}

/// Commands too use the store, and the socket must be gone before another server may have the folder.
async fn end_commands(stop: &CancellationToken, commands: JoinHandle<()>) {
    stop.cancel();
    let _ = tokio::time::timeout(COMMANDS_END, commands).await;
}

/// How fast each address may call over gRPC, where the configuration says so.
fn grpc_address_throttle(config: &Config, store: &Store) -> Option<AddressThrottle> {
    let AddressLimit { per_second, burst } = config.grpc.address_limit?;
    Some(AddressThrottle::new(Arc::clone(&store.limits), CountedFace::Grpc, per_second, burst))
}

fn http2_options(config: &Config) -> Http2Options {
    Http2Options {
        max_streams: config.grpc.max_streams_per_connection,
        keepalive_interval: config.grpc.keepalive_interval.0,
        keepalive_timeout: config.grpc.keepalive_timeout.0,
        idle_timeout: config.grpc.idle_timeout.0,
        write_timeout: config.grpc.write_timeout.0,
    }
}

/// Says how the store and the upstreams are, again and again.
async fn watch_backends(
    store: Store,
    upstreams: Arc<Upstreams>,
    health: HealthBoard,
    readiness: Readiness,
    mut works: bool,
) {
    loop {
        tokio::time::sleep(HEALTH_INTERVAL).await;
        works = report_store(&store, &health, &readiness, Some(works)).await;
        report_upstreams(&upstreams, &health);
    }
}

/// Says of each upstream whether it is called. The server itself stays ready: other environments go on.
fn report_upstreams(upstreams: &Upstreams, health: &HealthBoard) {
    let circuits = upstreams.circuits().into_iter();
    let called = circuits.map(|(name, circuit)| (name.to_string(), circuit == CircuitState::Closed));
    health.report_upstreams(called.collect());
}

/// Says how the store is, where that differs from `before`, and returns whether it works.
async fn report_store(
    store: &Store,
    health: &HealthBoard,
    readiness: &Readiness,
    before: Option<bool>,
) -> bool {
    let checked = store.health.check().await;
    let works = checked.is_ok();
    if before != Some(works) {
        match &checked {
            Ok(()) if before.is_none() => {}
            Ok(()) => tracing::info!("the store works again"),
            Err(error) => tracing::error!(%error, "the store does not work"),
        }
        health.report_store(works);
    }
    readiness.set(checked.map_err(|error| error.to_string()));
    works
}

/// Logs and counts a run of a schedule.
fn report_run(telemetry: &Telemetry, schedule: &str, outcome: &Outcome) {
    let result = match outcome {
        Outcome::Done(_) => "done",
        Outcome::Retrying { .. } => "retrying",
        Outcome::Failed(_) => "failed",
        Outcome::Missed | Outcome::NotYet | Outcome::Running(_) => "missed",
    };
    telemetry.metrics().schedule_ran(schedule, result);
    match outcome {
        Outcome::Done(reset_count) => tracing::info!(schedule, reset_count, "a schedule has run"),
        Outcome::Retrying { reason, at } => {
            let at = at.as_millis();
            tracing::warn!(schedule, %reason, at, "a schedule has failed, and is tried again");
        }
        Outcome::Failed(reason) => tracing::error!(schedule, %reason, "a schedule has failed"),
        _ => tracing::warn!(schedule, "a run was missed, and is too old to be made up"),
    }
}

/// Waits for calls, and for what goes on although its caller has left: an upstream may be slow.
async fn end_calls(pool: WorkerPool, shutdown: &Shutdown, detached: &Detached, limit: Duration) {
    detached.tasks.close();
    let jobs = pool.jobs();
    let mut ended = tokio::task::spawn_blocking(move || pool.join());
    if tokio::time::timeout(limit, &mut ended).await.is_ok() {
        return;
    }
    match (jobs.under_way(), detached.tasks.len()) {
        (0, tasks) => tracing::warn!(tasks, "calls have ended; detached tasks are waited for"),
        (connections, tasks) => {
            tracing::warn!(connections, tasks, "calls that did not end in time are cut");
        }
    }
    shutdown.cut.cancel();
    if tokio::time::timeout(FINISH_MAX, &mut ended).await.is_err() {
        let tasks = detached.tasks.len();
        tracing::warn!(tasks, "detached tasks that did not end in time are dropped");
        detached.abandon.cancel();
        let _ = ended.await;
    }
}
