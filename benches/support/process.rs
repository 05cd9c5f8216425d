//! The measured servers, each in its own process.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Result, clock, codes::CODE_LENGTH, cpu};

/// The limit of live codes, enough for a whole run, unless the face sets another one.
const MAX_LIVE_CODES: &str = "4500000";

/// The maximum time of a server's start and stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// One of passbridge's faces.
#[derive(Debug)]
pub struct Face<'a> {
    /// The field name of its address in the log.
    pub name: &'static str,
    /// The environment variables for measurements.
    pub environment: &'a [(&'a str, &'a str)],
    /// A configuration file for what environment variables cannot express.
    pub configuration: Option<&'a Path>,
}

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    started: Instant,
    /// The address of the measured face.
    pub address: SocketAddr,
    operations: Option<SocketAddr>,
}

impl Server {
    /// Starts this program as the reference. It must log its address in the same format as passbridge.
    pub fn reference(face: &Face<'_>, arguments: &[&str]) -> Result<Self> {
        Self::start(Command::new(env::current_exe()?).args(arguments), face)
    }

    /// Starts passbridge with its defaults, except for the addresses, the data folder, the length and number of codes, and the
    /// configuration of the face.
    pub fn passbridge(program: &Path, data: &Path, face: &Face<'_>) -> Result<Self> {
        Self::start(
            passbridge(program, data)
                .arg("serve")
                .args(face.configuration.into_iter().flat_map(|file| [Path::new("--config"), file]))
                .env("PASSBRIDGE_GRPC__LISTEN", "127.0.0.1:0")
                .env("PASSBRIDGE_REST__LISTEN", "127.0.0.1:0")
                .env("PASSBRIDGE_OPERATIONS__LISTEN", "127.0.0.1:0")
                .env("PASSBRIDGE_LOG__FORMAT", "json")
                .env("PASSBRIDGE_CODES__LENGTH", CODE_LENGTH.to_string())
                .env("PASSBRIDGE_CODES__MAX_LIVE_CODES", MAX_LIVE_CODES)
                .envs(face.environment.iter().copied()),
            face,
        )
    }

    fn start(command: &mut Command, face: &Face<'_>) -> Result<Self> {
        let started = clock::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("standard error is not piped")?;
        match read_addresses(stderr, face) {
            Ok((address, operations)) => Ok(Self { child, started, address, operations }),
            Err(failure) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failure)
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server is ready and returns the time since its start.
    pub fn wait_until_ready(&self) -> Result<Duration> {
        let operations = self.operations.ok_or("only passbridge reports readiness")?;
        while clock::since(self.started) < PATIENCE {
            if is_ready(operations) {
                return Ok(clock::since(self.started));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("the server did not become ready".into())
    }

    /// The CPU time that it has used.
    pub fn cpu(&self) -> Result<Duration> {
        cpu::of_process(&self.id().to_string())
    }

    /// Waits until background work of the server, such as compaction, has finished, at most a minute, and returns the duration.
    pub fn settle(&self) -> Result<Duration> {
        let start = clock::now();
        let mut before = self.cpu()?;
        while clock::since(start) < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(250));
            let now = self.cpu()?;
            // The resolution is 10 ms.
            if now.saturating_sub(before) <= Duration::from_millis(10) {
                break;
            }
            before = now;
        }
        Ok(clock::since(start))
    }

    /// Kills the server with SIGKILL and waits until it has exited.
    pub fn kill(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Terminates the server with SIGTERM and waits until it has exited.
    pub fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = clock::now();
        while clock::since(start) < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the server exited with {status}").into()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err("the server did not exit in time".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command of passbridge for this data folder, without the configuration in the environment.
pub fn passbridge(program: &Path, data: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PASSBRIDGE_") || name.starts_with("OTEL_")) {
            command.env_remove(name);
        }
    }
    command.env("PASSBRIDGE_STORE__PATH", data);
    command
}

/// Reads the log until it has the addresses; a thread reads the rest.
fn read_addresses(stderr: ChildStderr, face: &Face<'_>) -> Result<(SocketAddr, Option<SocketAddr>)> {
    let mut lines = BufReader::new(stderr).lines();
    let mut log = String::new();
    for line in lines.by_ref() {
        let line = line?;
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = entry[face.name].as_str() {
            let operations = entry["operations"].as_str().map(str::parse).transpose()?;
            let addresses = (address.parse()?, operations);
            std::thread::spawn(move || {
                lines.map_while(std::result::Result::ok).for_each(|line| pass_on(&line))
            });
            return Ok(addresses);
        }
        log.push_str(&line);
        log.push('\n');
    }
    Err(format!("the server did not start:\n{log}").into())
}

/// Prints warnings and errors of a server, because they are part of the result.
fn pass_on(line: &str) {
    let entry: Value = serde_json::from_str(line).unwrap_or_default();
    if entry["level"] != "INFO" {
        eprintln!("server: {line}");
    }
}

fn is_ready(operations: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(operations)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
