//! The attacked server: the real program in its own process.

use std::{net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::support::server_process::{Program, ServerProcess, until};

/// Short timeouts, so that attacks end soon, and an address limit too high to stop attacks, so that the other limits must.
const CONFIGURATION: [(&str, &str); 10] = [
    ("GRPC__KEEPALIVE_INTERVAL", "2s"),
    ("GRPC__KEEPALIVE_TIMEOUT", "5s"),
    ("GRPC__IDLE_TIMEOUT", "3s"),
    ("GRPC__ANSWER_TIMEOUT", "5s"),
    ("GRPC__WRITE_TIMEOUT", "1s"),
    ("REST__IDLE_TIMEOUT", "3s"),
    ("REST__ANSWER_TIMEOUT", "5s"),
    ("REST__WRITE_TIMEOUT", "1s"),
    ("REST__ADDRESS_LIMIT__PER_SECOND", "1000000"),
    ("REST__ADDRESS_LIMIT__BURST", "1000000"),
];

/// The addresses of a server's faces.
#[derive(Debug, Clone, Copy)]
pub struct Faces {
    pub grpc: SocketAddr,
    pub rest: SocketAddr,
}

/// Attacks a server, asserts the expected outcome, and returns it.
pub type Attack = fn(Faces) -> String;

/// A server, and what calls of it require.
pub struct Target {
    server: ServerProcess,
    folder: TempDir,
    pub grpc: SocketAddr,
    pub rest: SocketAddr,
    /// An access token of the REST face.
    pub token: String,
}

impl Target {
    /// A server without TLS.
    pub fn start() -> Self {
        Self::without_token(|program| program).with_token()
    }

    /// A server with additional configuration and no token.
    pub fn without_token(configure: impl FnOnce(Program) -> Program) -> Self {
        raise_file_limit();
        let folder = tempfile::tempdir().expect("a folder");
        let mut program = Program::server(&folder.path().join("data"));
        for (key, value) in CONFIGURATION {
            program = program.env(&format!("PASSBRIDGE_{key}"), value);
        }
        let server = configure(program).start();
        let (grpc, rest) = (server.grpc, server.rest);
        Self { server, folder, grpc, rest, token: String::new() }
    }

    /// The addresses of its faces.
    pub fn faces(&self) -> Faces {
        Faces { grpc: self.grpc, rest: self.rest }
    }

    fn with_token(mut self) -> Self {
        let data = self.folder.path().join("data");
        let output = Program::new(&["token"])
            .env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"))
            .env("PASSBRIDGE_REST__LISTEN", &self.rest.to_string())
            .output();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.token = String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned();
        self
    }

    /// The number of open connections of both faces.
    pub fn connections(&self) -> u64 {
        let (_, page) = self.server.page("/metrics");
        let counts = page.lines().filter_map(|line| line.strip_prefix("passbridge_connections{"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Waits until at most this many connections are open.
    pub async fn wait_for_connections(&self, most: u64) {
        until("the attacker's connections are closed", async || self.connections() <= most).await;
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

/// Raises the limit of open files: both ends of a thousand connections are on this machine.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("raises the limit");
}

/// Long enough for a server to process everything it received.
pub const PATIENCE: Duration = Duration::from_secs(60);
