//! The servers that are measured, each a process of its own.

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

/// Codes for a whole run, where the face does not say how many.
const MAX_LIVE_CODES: &str = "4500000";

/// How long a server may take until it is ready, or has ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// One of passbridge's two APIs.
#[derive(Debug)]
pub struct Face<'a> {
    /// What the log calls its address.
    pub name: &'static str,
    /// What has to be configured so that it can be measured.
    pub environment: &'a [(&'a str, &'a str)],
    /// A file with what variables cannot say.
    pub configuration: Option<&'a Path>,
}

/// A server that runs. It is killed when this is dropped.
pub struct Server {
    child: Child,
    started: Instant,
    /// Where it serves what is measured.
    pub address: SocketAddr,
    operations: Option<SocketAddr>,
}

impl Server {
    /// Starts this program again, as what passbridge is measured beside. It has to tell its address in the way that
    /// passbridge tells the face's.
    pub fn yardstick(face: &Face<'_>, arguments: &[&str]) -> Result<Self> {
        Self::start(Command::new(env::current_exe()?).args(arguments), face)
    }

    /// Starts passbridge with its defaults, but for the addresses, the data folder, the length and number of codes and
    /// what the face needs.
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
        let stderr = child.stderr.take().ok_or("standard error was asked for")?;
        match read_addresses(stderr, face) {
            Ok((address, operations)) => Ok(Self { child, started, address, operations }),
            Err(failure) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failure)
            }
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server calls itself ready, and says how long that took from its start.
    pub fn wait_until_ready(&self) -> Result<Duration> {
        let operations = self.operations.ok_or("only passbridge tells whether it is ready")?;
        while clock::since(self.started) < PATIENCE {
            if is_ready(operations) {
                return Ok(clock::since(self.started));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("the server did not become ready".into())
    }

    /// The processor time that it has used.
    pub fn cpu(&self) -> Result<Duration> {
        cpu::of_process(&self.id().to_string())
    }

    /// Waits until the server has done what it put off, such as compaction, but at most a minute, and says how long that was.
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

    /// Kills the server, which has no time for anything, and waits until it has ended.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the server to end, and waits until it has.
    pub fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let asked = clock::now();
        while clock::since(asked) < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the server ended with {status}").into()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err("the server does not end".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command of passbridge about this data folder. What the surroundings configure is not what is measured.
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

/// Reads the log until it tells the addresses, and leaves the rest of it to a thread.
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

/// What a server complains about is part of the result.
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
