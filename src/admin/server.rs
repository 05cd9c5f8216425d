//! The socket's side of a running server.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::post};
use http::StatusCode;
use tokio::net::UnixListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Answer, Command, Services, perform, socket_path};
use crate::server::serve_inner;

/// How long to wait before accepting again after accepting failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the socket {} for commands cannot be made: {source}; a shorter store.path helps where the name is too long", path.display())]
pub struct BindSocketError {
    path: PathBuf,
    source: io::Error,
}

/// The socket. It is removed when this is dropped.
#[derive(Debug)]
pub struct AdminListener {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminListener {
    /// Makes the socket, for the user of this process alone. Who calls this has the data folder to itself, so that a
    /// socket which is there already was left by a server that was killed.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn bind(data: &Path) -> Result<Self, BindSocketError> {
        let path = socket_path(data);
        let bind = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let bound = bind();
        bound
            .map(|listener| Self { listener, path: path.clone() })
            .map_err(|source| BindSocketError { path, source })
    }

    /// Serves until `stop` is cancelled; what was asked before that is still done.
    pub async fn serve(self, services: Services, stop: CancellationToken) {
        let router = Router::new().route("/", post(command)).with_state(services);
        let commands = TaskTracker::new();
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => drop(commands.spawn(serve_inner(stream, router.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a command's connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        commands.close();
        commands.wait().await;
    }
}

impl Drop for AdminListener {
    fn drop(&mut self) {
        // What is left there the next server removes.
        let _ = fs::remove_file(&self.path);
    }
}

async fn command(
    State(services): State<Services>,
    Json(command): Json<Command>,
) -> Result<Json<Answer>, impl IntoResponse> {
    perform(&services, command).await.map(Json).map_err(|error| {
        // Whoever can use the socket owns the server.
        (StatusCode::INTERNAL_SERVER_ERROR, error.operator_message())
    })
}
