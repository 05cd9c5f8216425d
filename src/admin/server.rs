//! The server's side of the socket.

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

use super::{
    EXAMINATIONS, KEY_ROTATIONS, OperatorCommand, OperatorResponse, REVOCATIONS, SCHEDULES, STATEMENTS,
    socket_path,
};
use crate::{
    server::serve_inner,
    service::operator::{Operator, OperatorService},
};

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket for commands cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the command socket {}: {source}; if the name is too long, shorten store.path", path.display())]
pub struct BindSocketError {
    path: PathBuf,
    source: io::Error,
}

/// The socket's temporary name, until its permissions are set.
const DRAFT: &str = "admin.new";

/// The listening socket. Dropping it removes the file, unless another server has replaced it.
#[derive(Debug)]
pub struct AdminListener {
    listener: UnixListener,
    file: SocketFile,
}

impl AdminListener {
    /// Creates the socket, accessible only to this process's user. The caller must own the data folder: an existing
    /// socket is then one that a killed server left behind. Commands that connect wait until [`AdminListener::serve`]
    /// runs.
    ///
    /// # Errors
    /// If the operating system refuses.
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

    /// Serves until `stop` is cancelled, then finishes the commands already accepted.
    pub async fn serve(self, service: OperatorService, stop: CancellationToken) {
        let router = router(service);
        let commands = TaskTracker::new();
        let serve = |stream: UnixStream| match stream.peer_cred() {
            Ok(user) => {
                let router = router.clone().layer(Extension(Operator::over_socket(user.uid())));
                drop(commands.spawn(serve_inner(stream, router)));
            }
            Err(error) => tracing::warn!(%error, "cannot identify the user of a command connection"),
        };
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => serve(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a command connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // From here on no command can connect. Those already connected are served.
        drop(self.file);
        while let Some(Ok((stream, _))) = self.listener.accept().now_or_never() {
            serve(stream);
        }
        commands.close();
        commands.wait().await;
    }
}

/// The socket's file in the data folder.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If this server stopped slowly, the file may already be the socket of its successor.
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            // If the removal fails, the next server replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Identifies a file by its device and inode, which are unique while the socket is open.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// One route per command.
fn router(service: OperatorService) -> Router {
    Router::new()
        .route(STATEMENTS, taking(OperatorCommand::MintStatement))
        .route(REVOCATIONS, taking(OperatorCommand::Revoke))
        .route(SCHEDULES, taking(|()| OperatorCommand::ListSchedules))
        .route(KEY_ROTATIONS, taking(|()| OperatorCommand::RotateKeys))
        .route(EXAMINATIONS, taking(OperatorCommand::Examine))
        .fallback(unknown)
        .with_state(service)
}

/// A route whose body deserializes into this command's arguments.
fn taking<T>(read: fn(T) -> OperatorCommand) -> MethodRouter<OperatorService>
where
    T: DeserializeOwned + Send + 'static,
{
    post(move |State(service), Extension(operator), Json(body)| perform(read, service, operator, body))
}

/// Performs the route's command with the arguments in the body.
async fn perform<T>(
    read: fn(T) -> OperatorCommand,
    service: OperatorService,
    operator: Operator,
    body: T,
) -> Result<Json<OperatorResponse>, (StatusCode, String)> {
    service.perform(&operator, read(body)).await.map(Json).map_err(|error| {
        // Only the server's owner can use the socket, so the full message may be shown.
        (StatusCode::INTERNAL_SERVER_ERROR, error.operator_message())
    })
}

async fn unknown(uri: Uri) -> (StatusCode, String) {
    let version = env!("CARGO_PKG_VERSION");
    (StatusCode::NOT_FOUND, format!("passbridge {version} does not have the command {}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_stops_late_keeps_its_successors_socket() {
        let data = tempfile::tempdir().expect("a folder");
        let first = AdminListener::bind(data.path()).expect("binds");
        let successor = AdminListener::bind(data.path()).expect("replaces the socket left behind");
        drop(first);
        tokio::net::UnixStream::connect(socket_path(data.path())).await.expect("the successor's");
        drop(successor);
        assert!(!socket_path(data.path()).exists());
    }
}
