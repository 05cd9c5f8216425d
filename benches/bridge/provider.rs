//! The stand-in for the provider, as a process of its own.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
};

use clap::Parser as _;
use serde_json::Value;

use crate::support::{Result, exit_code};

/// The argument by which this program is the stand-in instead of the benchmark.
const SELF: &str = "mock-provider";

/// What the stand-in leaves with, where this process was started as one.
pub fn as_provider() -> Option<ExitCode> {
    let arguments = env::args().skip(1);
    if env::args().nth(1)? != SELF {
        return None;
    }
    let served = mock_provider::main(&mock_provider::Arguments::parse_from(arguments));
    Some(exit_code(served.map_err(Into::into)))
}

/// A provider that runs, without its throttle and without keeping calls. It is killed when this is dropped.
pub struct Provider {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
    /// An access token that it has issued.
    pub token: String,
}

impl Provider {
    /// A provider that takes so many milliseconds for each answer.
    pub fn start(delay_ms: u64) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg(SELF)
            .args(["--throttle", "off", "--record-calls", "off", "--delay-ms", &delay_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("standard output was asked for")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on ").ok_or("the provider did not start")?.parse()?;
        Ok(Self { child, address, token: token(address)? })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token(address: SocketAddr) -> Result<String> {
    let statement = r#"{"software_statement":"the benchmark's own","redirect_uri":"bench://done"}"#;
    let registered = post(address, "/o/client/register", "application/json", statement)?;
    let text = |object: &Value, key: &str| object[key].as_str().map(str::to_owned).ok_or("there is no token");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text(&registered, "client_id")?,
        text(&registered, "client_secret")?
    );
    let issued = post(address, "/o/client/token", "application/x-www-form-urlencoded", &form)?;
    Ok(text(&issued, "access_token")?)
}

fn post(address: SocketAddr, path: &str, media_type: &str, body: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nX-Device-Info: e30=\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the provider did not answer")?;
    Ok(serde_json::from_str(body)?)
}
