//! The command's side of the socket.

use std::{io, path::Path};

use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{
    EXAMINATIONS, KEY_ROTATIONS, OperatorCommand, OperatorResponse, REVOCATIONS, SCHEDULES, STATEMENTS,
    socket_path,
};

/// A command that the running server did not perform.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The server refused the command. The text is its reason.
    #[error("{0}")]
    Refused(String),
    /// The socket is unusable.
    #[error("cannot connect to the running server's command socket: {0}")]
    Socket(#[from] io::Error),
    /// The HTTP exchange failed.
    #[error("the running server did not answer: {0}")]
    Connection(#[from] hyper::Error),
    /// The server does not know the command.
    #[error(
        "the running server's version differs from this command's ({version}); use the same binary as the server: {0}",
        version = env!("CARGO_PKG_VERSION")
    )]
    OtherVersion(String),
    /// The server's answer is unreadable, because its version differs.
    #[error(
        "cannot read the running server's answer, because its version differs from this command's; use the same binary as the server: {0}"
    )]
    Answer(#[from] serde_json::Error),
}

/// Whether a server runs on this data folder.
pub async fn is_served(data: &Path) -> bool {
    UnixStream::connect(socket_path(data)).await.is_ok()
}

/// Sends a command to the server on this data folder. Returns `None` if none runs, or if it stopped without an answer.
/// Every command may be retried.
///
/// # Errors
/// If the server refuses the command or does not answer.
pub async fn ask(data: &Path, command: &OperatorCommand) -> Result<Option<OperatorResponse>, AdminError> {
    let stream = match UnixStream::connect(socket_path(data)).await {
        Ok(stream) => stream,
        // There is no socket, or a killed server left one behind.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (path, body) = message(command)?;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static(path);
    request.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        // The server stopped before it read the command.
        Err(error) if error.is_canceled() || error.is_incomplete_message() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    let text = || String::from_utf8_lossy(&body).into_owned();
    if status == StatusCode::NOT_FOUND {
        Err(AdminError::OtherVersion(text()))
    } else if status.is_success() {
        Ok(Some(serde_json::from_slice(&body)?))
    } else {
        Err(AdminError::Refused(text()))
    }
}

/// The path and the body of a command.
fn message(command: &OperatorCommand) -> serde_json::Result<(&'static str, Vec<u8>)> {
    Ok(match command {
        OperatorCommand::MintStatement(command) => (STATEMENTS, serde_json::to_vec(command)?),
        OperatorCommand::Revoke(command) => (REVOCATIONS, serde_json::to_vec(command)?),
        OperatorCommand::ListSchedules => (SCHEDULES, b"null".to_vec()),
        OperatorCommand::RotateKeys => (KEY_ROTATIONS, b"null".to_vec()),
        OperatorCommand::Examine(command) => (EXAMINATIONS, serde_json::to_vec(command)?),
    })
}
