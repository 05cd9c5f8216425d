//! The socket's side of a running server.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::State,
    routing::{MethodRouter, post},
};
use futures_util::FutureExt;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Answer, Command, EXAMINATIONS, KEY_ROTATIONS, REVOCATIONS, SCHEDULES, STATEMENTS, socket_path};
use crate::{
    server::serve_inner,
    service::operator::{Operator, OperatorService},
};

/// How long to wait before accepting again after accepting failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the socket {} for commands cannot be made: {source}; a shorter store.path helps where the name is too long", path.display())]
pub struct BindSocketError {
    path: PathBuf,
    source: io::Error,
}

/// The socket's name until only its user can connect to it.
const DRAFT: &str = "admin.new";

/// The socket. It is removed when this is dropped, unless it is another server's by then.
#[derive(Debug)]
pub struct AdminListener {
    listener: UnixListener,
    file: SocketFile,
}

impl AdminListener {
    /// Makes the socket, for the user of this process alone. Who calls this has the data folder to itself, so that a
    /// socket which is there already was left by a server that was killed. A command that connects waits until
    /// [`AdminListener::serve`] runs.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn bind(data: &Path) -> Result<Self, BindSocketError> {
        let path = socket_path(data);
        let bind = || {
            let draft = data.join(DRAFT);
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&draft)?;
            fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
            let id = file_id(&draft)?;
            fs::rename(&draft, &path)?;
            Ok((listener, id))
        };
        match bind() {
            Ok((listener, id)) => Ok(Self { listener, file: SocketFile { path, id } }),
            Err(source) => Err(BindSocketError { path, source }),
        }
    }

    /// Serves until `stop` is cancelled; what was asked before that is still done.
    pub async fn serve(self, service: OperatorService, stop: CancellationToken) {
        let router = router(service);
        let commands = TaskTracker::new();
        let serve = |stream: UnixStream| match stream.peer_cred() {
            Ok(user) => {
                let router = router.clone().layer(Extension(Operator::over_socket(user.uid())));
                drop(commands.spawn(serve_inner(stream, router)));
            }
            Err(error) => tracing::warn!(%error, "nobody says who gives a command"),
        };
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => serve(stream),
                Err(error) => {
                    tracing::warn!(%error, "a command's connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // From now on nobody connects; who has is served.
        drop(self.file);
        while let Some(Ok((stream, _))) = self.listener.accept().now_or_never() {
            serve(stream);
        }
        commands.close();
        commands.wait().await;
    }
}

/// The socket's name in the data folder.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Where this server was slow to end, a successor has the folder, and a socket of that name.
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            // What is left there the next server replaces.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file has this name: its device and its number there, which is no other's while the socket is open.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// A path for each command.
fn router(service: OperatorService) -> Router {
    Router::new()
        .route(STATEMENTS, taking(Command::MintStatement))
        .route(REVOCATIONS, taking(Command::Revoke))
        .route(SCHEDULES, taking(|()| Command::ListSchedules))
        .route(KEY_ROTATIONS, taking(|()| Command::RotateKeys))
        .route(EXAMINATIONS, taking(Command::Examine))
        .fallback(unknown)
        .with_state(service)
}

/// A path that takes the body of this command.
fn taking<T>(read: fn(T) -> Command) -> MethodRouter<OperatorService>
where
    T: DeserializeOwned + Send + 'static,
{
    post(move |State(service), Extension(operator), Json(body)| perform(read, service, operator, body))
}

/// Does the command of this path with what the body says.
async fn perform<T>(
    read: fn(T) -> Command,
    service: OperatorService,
    operator: Operator,
    body: T,
) -> Result<Json<Answer>, (StatusCode, String)> {
    service.perform(&operator, read(body)).await.map(Json).map_err(|error| {
        // Whoever can use the socket owns the server.
        (StatusCode::INTERNAL_SERVER_ERROR, error.operator_message())
    })
}

async fn unknown(uri: Uri) -> (StatusCode, String) {
    let version = env!("CARGO_PKG_VERSION");
    (StatusCode::NOT_FOUND, format!("passbridge {version} has no {}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_late_leaves_its_successors_socket() {
        let data = tempfile::tempdir().expect("a folder");
        let first = AdminListener::bind(data.path()).expect("binds");
        let successor = AdminListener::bind(data.path()).expect("binds over what is left");
        drop(first);
        tokio::net::UnixStream::connect(socket_path(data.path())).await.expect("the successor's");
        drop(successor);
        assert!(!socket_path(data.path()).exists());
    }
}
