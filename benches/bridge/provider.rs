//! The mock provider, in its own process.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
};

use clap::Parser as _;
use serde_json::{Value, json};

use crate::support::{Result, exit_code};

/// The argument that makes this program the mock provider instead of the benchmark.
const SELF: &str = "mock-provider";

/// The operator of all logins.
pub const MVPD: &str = "Cablevision";

/// Runs the mock provider if this process was started as one, and returns its exit code.
pub fn as_provider() -> Option<ExitCode> {
    let arguments = env::args().skip(1);
    if env::args().nth(1)? != SELF {
        return None;
    }
    let served = mock_provider::main(&mock_provider::Arguments::parse_from(arguments));
    Some(exit_code(served.map_err(Into::into)))
}

/// A running provider without a rate limit and without recorded calls. It is killed when this is dropped.
pub struct Provider {
    child: Child,
    pub address: SocketAddr,
    /// An access token of the provider.
    pub token: String,
}

impl Provider {
    /// Starts a provider with this delay of each response, in milliseconds.
    pub fn start(delay_ms: u64) -> Result<Self> {
        Self::with(&["--record-calls", "off", "--delay-ms", &delay_ms.to_string()])
    }

    /// Starts a provider that records all calls, so that they can be counted.
    pub fn start_counting() -> Result<Self> {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg(SELF)
            .args(["--throttle", "off"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on ").ok_or("the provider did not start")?.parse()?;
        Ok(Self { child, address, token: token(address)? })
    }
}

impl Provider {
    /// Adds a login of a device for the client that registered last.
    pub fn log_in(&self, device_id: &str) -> Result<()> {
        let order = json!({ "service_provider": "REF", "device_id": device_id, "mvpd": MVPD });
        exchange(self.address, "POST", "/mock/profiles", "application/json", &order.to_string()).map(drop)
    }

    /// The number of recorded calls to version 2.
    pub fn call_count(&self) -> Result<usize> {
        let calls: Vec<Value> = serde_json::from_str(&exchange(self.address, "GET", "/mock/calls", "", "")?)?;
        let is_counted =
            |call: &&Value| call["path"].as_str().is_some_and(|path| path.starts_with("/api/v2/"));
        Ok(calls.iter().filter(is_counted).count())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token(address: SocketAddr) -> Result<String> {
    let statement = r#"{"software_statement":"the benchmark's own","redirect_uri":"bench://done"}"#;
    let registered = post(address, "/o/client/register", "application/json", statement)?;
    let text = |object: &Value, key: &str| {
        object[key].as_str().map(str::to_owned).ok_or("the response has no token")
    };
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text(&registered, "client_id")?,
        text(&registered, "client_secret")?
    );
    let issued = post(address, "/o/client/token", "application/x-www-form-urlencoded", &form)?;
    Ok(text(&issued, "access_token")?)
}

fn post(address: SocketAddr, path: &str, media_type: &str, body: &str) -> Result<Value> {
    Ok(serde_json::from_str(&exchange(address, "POST", path, media_type, body)?)?)
}

fn exchange(address: SocketAddr, method: &str, path: &str, media_type: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nX-Device-Info: e30=\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the provider did not answer")?;
    if !head.starts_with("HTTP/1.1 2") {
        return Err(format!("the provider refused {path}: {head}").into());
    }
    Ok(body.to_owned())
}
