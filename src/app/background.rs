//! The background tasks: schedules, commands, health, metrics and certificate reloading.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{doctor::AccessSettings, operations, services::Services, status::Status, tls::TlsListeners};
use crate::{admin::AdminListener, config::Auth, service::temp_pass::ScheduleOutcome, telemetry::Telemetry};

/// How long shutdown waits for commands, which take milliseconds.
const COMMANDS_END: Duration = Duration::from_secs(5);

/// The tasks, each with the means to stop it.
pub(super) struct BackgroundTasks {
    watching: [AbortOnDropHandle<()>; 2],
    scheduling: JoinHandle<()>,
    stop_scheduling: CancellationToken,
    rest: StoreLifetimeTasks,
}

/// The tasks that run for as long as the store is open.
pub(super) struct StoreLifetimeTasks {
    operations: AbortOnDropHandle<()>,
    commands: JoinHandle<()>,
    stop_commands: CancellationToken,
}

impl BackgroundTasks {
    /// Starts all tasks. Returns after the first report of the store's health.
    pub(super) async fn start(
        admin: Option<AdminListener>,
        operations: TcpListener,
        auth: Auth,
        services: &Services,
        telemetry: &Telemetry,
        status: &Status,
        tls: &Arc<TlsListeners>,
    ) -> Self {
        let reporting = telemetry.clone();
        let on_run =
            move |schedule: &str, outcome: &ScheduleOutcome| report_run(&reporting, schedule, outcome);
        let scheduler = services.scheduler(Arc::new(on_run));
        let stop_scheduling = CancellationToken::new();
        let scheduling = tokio::spawn(scheduler.clone().run(stop_scheduling.clone()));
        let stop_commands = CancellationToken::new();
        let (issuers, listeners) = (Arc::clone(&services.issuers), Arc::clone(tls));
        let access = move || AccessSettings::present(auth, &issuers, &listeners);
        let (commands, stop) = (services.for_commands(scheduler, access), stop_commands.clone());
        let commands = tokio::spawn(async move {
            match admin {
                Some(admin) => admin.serve(commands, stop).await,
                None => stop.cancelled().await,
            }
        });
        let watching = status.watch(services.store.clone(), Arc::clone(&services.upstreams)).await;
        let operations =
            tokio::spawn(operations::serve(operations, telemetry.clone(), status.readiness.clone()));
        let tls = Arc::clone(tls);
        let watching_files = tokio::spawn(async move { tls.watch().await });
        Self {
            watching: [watching, watching_files].map(AbortOnDropHandle::new),
            scheduling,
            stop_scheduling,
            rest: StoreLifetimeTasks {
                operations: AbortOnDropHandle::new(operations),
                commands,
                stop_commands,
            },
        }
    }

    /// Stops the health and file watchers, and lets schedules start no more runs.
    pub(super) fn stop_starting_runs(&self) {
        self.watching.iter().for_each(AbortOnDropHandle::abort);
        self.stop_scheduling.cancel();
    }

    /// Waits for a reset in progress, which has a deadline.
    pub(super) async fn wait_for_schedules(self) -> StoreLifetimeTasks {
        let _ = self.scheduling.await;
        self.rest
    }
}

impl StoreLifetimeTasks {
    /// Stops commands before the store closes, and removes the socket before another server can own the data folder.
    pub(super) async fn end(self) {
        self.operations.abort();
        self.stop_commands.cancel();
        let _ = tokio::time::timeout(COMMANDS_END, self.commands).await;
    }
}

/// Logs and counts a schedule run.
fn report_run(telemetry: &Telemetry, schedule: &str, outcome: &ScheduleOutcome) {
    let result = match outcome {
        ScheduleOutcome::Done(_) => "done",
        ScheduleOutcome::Retrying { .. } => "retrying",
        ScheduleOutcome::Failed(_) => "failed",
        ScheduleOutcome::Missed | ScheduleOutcome::NotYet | ScheduleOutcome::Running(_) => "missed",
    };
    telemetry.metrics().schedule_ran(schedule, result);
    match outcome {
        ScheduleOutcome::Done(reset_count) => tracing::info!(schedule, reset_count, "schedule run succeeded"),
        ScheduleOutcome::Retrying { reason, at } => {
            let at = at.as_millis();
            tracing::warn!(schedule, %reason, at, "schedule run failed; retry planned");
        }
        ScheduleOutcome::Failed(reason) => tracing::error!(schedule, %reason, "schedule run failed"),
        _ => tracing::warn!(schedule, "schedule run missed; too old for a catch-up run"),
    }
}
