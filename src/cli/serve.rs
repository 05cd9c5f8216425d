//! `passbridge serve`: runs the server from configuration to shutdown.

use std::{env, error::Error, path::PathBuf};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    app::{App, AppDependencies, Reload},
    config::{self, StoreKind},
    telemetry,
};

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    // This runtime accepts connections, handles signals and runs background tasks. Calls run on the serving threads.
    Builder::new_current_thread().enable_all().build()?.block_on(serve(file))
}

async fn serve(file: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    let config = config::load(file.as_deref(), env::vars_os())?;
    let (log, traces) = telemetry::init(&config.log)?;
    let reporting_drops = tokio::spawn(log.report_drops());
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let hangup = signal(SignalKind::hangup())?;
    let data = match config.store.kind {
        StoreKind::Embedded => config.store.path.display().to_string(),
        StoreKind::Redis => "redis".to_owned(),
    };
    let app = App::build(config, AppDependencies::default(), traces.as_ref()).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        grpc = %app.grpc_address()?,
        rest = %app.rest_address()?,
        operations = %app.operations_address()?,
        data,
        "serving"
    );
    let reloading = tokio::spawn(reload_on(hangup, app.reload_handle(), file));
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    app.serve(stop).await?;
    reloading.abort();
    reporting_drops.abort();
    if let Some(traces) = traces {
        // The export needs this thread to send the remaining spans.
        tokio::task::spawn_blocking(move || traces.shutdown()).await?;
    }
    Ok(())
}

async fn reload_on(mut hangup: Signal, reload: Reload, file: Option<PathBuf>) {
    while hangup.recv().await.is_some() {
        let outcome = config::load(file.as_deref(), env::vars_os()).and_then(|config| reload.apply(config));
        reload.record(&outcome).await;
        match outcome {
            Ok(differs) => {
                tracing::info!("configuration reloaded");
                if differs {
                    tracing::warn!("changes to other configuration keys take effect only after a restart");
                }
            }
            Err(error) => {
                tracing::error!(%error, "configuration reload rejected; the previous configuration stays in effect")
            }
        }
    }
}
