//! The access token of calls.

use std::{net::SocketAddr, path::Path};

use crate::support::{Result, process::passbridge};

/// Gets a token with passbridge's `token` command from the server with this data folder, whose REST face is at `address`.
pub fn fetch(program: &Path, data: &Path, address: SocketAddr, requestor: &str) -> Result<String> {
    let output = passbridge(program, data)
        .args(["token", "--requestor", requestor, "--url", &format!("http://{address}")])
        .output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the token command failed:\n{error}").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
