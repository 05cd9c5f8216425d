//! The real program, controlled as operators do: by environment variables, signals and its log.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use passbridge::proto::v1::registration_code_service_client::RegistrationCodeServiceClient;
use rustix::process::{Pid, Signal, kill_process};
use tonic::transport::{Channel, Endpoint};

/// The longest wait for an expected event. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program to start.
pub struct Program {
    command: Command,
}

impl Program {
    /// The program with these arguments and an empty environment.
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_passbridge"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        Self { command }
    }

    /// A server with this data folder, on free ports.
    pub fn server(data: &Path) -> Self {
        Self::new(&["serve"])
            .env("PASSBRIDGE_GRPC__LISTEN", "127.0.0.1:0")
            .env("PASSBRIDGE_REST__LISTEN", "127.0.0.1:0")
            .env("PASSBRIDGE_OPERATIONS__LISTEN", "127.0.0.1:0")
            .env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"))
            .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
            .env("PASSBRIDGE_LOG__FORMAT", "json")
    }

    pub fn argument(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts the program through a shell with umask 0, which would make new files readable and writable by every user.
    pub fn with_open_umask(self) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 0000; exec \"$0\" \"$@\""]).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear().stdin(Stdio::null());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { command }
    }

    /// Runs the program until it exits.
    pub fn output(mut self) -> Output {
        self.command.output().expect("runs")
    }

    /// Runs the program, which must fail, and returns its error output.
    #[track_caller]
    pub fn failure(self) -> String {
        let output = self.output();
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(!error.contains("panicked"), "{error}");
        error
    }

    /// Starts the program as a server and waits until it serves.
    #[track_caller]
    pub fn start(self) -> ServerProcess {
        let mut server = self.begin();
        server.wait_until_serving();
        server
    }

    /// Starts the program as a server without waiting for it.
    pub fn begin(self) -> ServerProcess {
        let (say, log) = mpsc::channel();
        self.spawn(log, move |line| say.send(line).is_ok())
    }

    /// Starts the program as a server whose log is read only as far as the test waits for lines.
    #[allow(dead_code, reason = "not every binary does so")]
    pub fn begin_unread(self) -> ServerProcess {
        let (say, log) = mpsc::sync_channel(0);
        self.spawn(log, move |line| say.send(line).is_ok())
    }

    fn spawn(
        mut self,
        log: Receiver<String>,
        mut say: impl FnMut(String) -> bool + Send + 'static,
    ) -> ServerProcess {
        let mut child = self.command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            let mut is_heard = true;
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have ended. The server must not block on its log.
                is_heard = is_heard && say(line);
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        ServerProcess { child, log, grpc: unknown, rest: unknown, operations: unknown }
    }
}

/// A running server. It is killed when the test ends.
pub struct ServerProcess {
    child: Child,
    log: Receiver<String>,
    pub grpc: SocketAddr,
    pub rest: SocketAddr,
    /// The address of the operations listener.
    pub operations: SocketAddr,
}

impl ServerProcess {
    /// Waits until the server serves, and reads its addresses from the log.
    #[track_caller]
    pub fn wait_until_serving(&mut self) {
        let line = self.wait_for_line("\"serving\"");
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let address = |key: &str| line[key].as_str().and_then(|text| text.parse().ok()).expect("an address");
        (self.grpc, self.rest) = (address("grpc"), address("rest"));
        self.operations = address("operations");
    }

    /// Opens a separate connection.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.grpc)).expect("a URI").connect_lazy()
    }

    /// Creates a client with a separate connection.
    pub fn codes(&self) -> RegistrationCodeServiceClient<Channel> {
        RegistrationCodeServiceClient::new(self.channel())
    }

    /// Waits for the next log line that contains `text`.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("the server never said {text}, but:\n{}", seen.join("\n")),
            }
        }
    }

    /// Returns every log line that no wait has consumed, until the process exits.
    pub fn rest_of_log(&mut self) -> String {
        self.log.iter().collect::<Vec<_>>().join("\n")
    }

    /// Gets a page of the operations listener: its status and body.
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.operations).expect("connects");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: passbridge\r\nconnection: close\r\n\r\n").expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The process.
    #[allow(dead_code, reason = "not every binary uses it")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("runs");
    }

    /// Sends SIGTERM and waits for the exit.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits for the exit. The test's own connections stay open meanwhile, because the server sends GOAWAY on
    /// each.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the server", async || {
            status = self.child.try_wait().expect("ours");
            status.is_some()
        })
        .await;
        status.expect("has ended")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Polls until the condition holds, for actions of other processes.
pub async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let asked = tokio::time::timeout(PATIENCE, async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(asked.await.is_ok(), "{what} did not hold in time");
}
