//! One server.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use tempfile::TempDir;

use crate::{
    connection::{Connection, Reply},
    options::{PASSWORD, SOCKET, ServerOptions, USER},
    port::Port,
    process::Process,
    until::until,
};

/// How often another port is tried.
const ATTEMPTS: u32 = 5;

/// A server on a port and in a folder of its own, which listens when it has been made. It is killed when this is dropped, and
/// when the process ends in whatever way.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    // Killed before its folder goes and its port is somebody else's.
    process: Mutex<Process>,
    responds: AtomicBool,
    folder: TempDir,
    port: Port,
}

impl Server {
    /// Starts one on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Where it does not start, with its log.
    pub fn start(options: ServerOptions) -> Self {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::tempdir().expect("a folder");
            let port = Port::reserve();
            fs::write(folder.path().join("server.conf"), options.lines(port.number()).join("\n"))
                .expect("written");
            let process = Mutex::new(launch(&options, &folder));
            let responds = AtomicBool::new(true);
            let server = Self { options: options.clone(), process, responds, folder, port };
            match server.until_ready() {
                Ok(()) => return server,
                Err(log) if log.contains("Address already in use") => {}
                Err(log) => panic!("{:?} does not start:\n{log}", options.product),
            }
        }
        panic!("{ATTEMPTS} ports in a row were taken by others");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.number()).into()
    }

    /// `redis://` or `rediss://` with its address, and no user.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address())
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.options.tls.is_some() { "rediss" } else { "redis" }
    }

    /// Has it answer a command, past TLS, access control and proxies. A replica that is loading what its primary has sent is
    /// waited for.
    ///
    /// # Panics
    ///
    /// Where it does not answer.
    pub fn command(&self, command: &[impl AsRef<[u8]>]) -> Reply {
        let ask = || {
            let answered = self.connect().and_then(|mut connection| connection.ask(command));
            let reply = answered.unwrap_or_else(|error| panic!("{}: {error}", self.address()));
            let is_loading = matches!(&reply, Reply::Error(error) if error.starts_with("LOADING"));
            (!is_loading).then_some(reply)
        };
        until(|| format!("{} is loading", self.address()), ask)
    }

    /// A connection for more than one command, past TLS, access control and proxies.
    ///
    /// # Errors
    ///
    /// Where it is down.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(&self.folder.path().join(SOCKET), USER, PASSWORD)
    }

    /// SIGKILL: connections are reset, and what was not on disk is lost.
    pub fn kill(&self) {
        self.responds.store(false, Ordering::Relaxed);
        self.process().kill();
    }

    /// SIGSTOP: connections stay open and are accepted, and nobody answers. It has stopped when this returns.
    pub fn stop_responding(&self) {
        self.responds.store(false, Ordering::Relaxed);
        self.process().stop();
    }

    /// The end of [`Self::stop_responding`].
    pub fn go_on(&self) {
        self.process().go_on();
        self.responds.store(true, Ordering::Relaxed);
    }

    /// Kills it if it still runs and starts it again, on the same port and in the same folder. It is ready when this returns.
    ///
    /// # Panics
    ///
    /// Where it does not start, with its log.
    pub fn restart(&self) {
        self.kill();
        *self.process() = launch(&self.options, &self.folder);
        self.until_ready()
            .unwrap_or_else(|log| panic!("{:?} does not start again:\n{log}", self.options.product));
        self.responds.store(true, Ordering::Relaxed);
    }

    /// Whether nobody has killed or stopped it.
    pub fn responds(&self) -> bool {
        self.responds.load(Ordering::Relaxed)
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(&self.folder)).expect("readable")
    }

    /// Until it answers; its log, if it ended instead.
    fn until_ready(&self) -> Result<(), String> {
        until(
            || self.log(),
            || {
                let answer = self.connect().and_then(|mut connection| connection.ask(&["PING"]));
                match answer {
                    Ok(Reply::Bytes(_)) => Some(Ok(())),
                    _ if self.process().has_ended() => Some(Err(self.log())),
                    _ => None,
                }
            },
        )
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().expect("not poisoned")
    }
}

fn launch(options: &ServerOptions, folder: &TempDir) -> Process {
    let program = options.product.program();
    let log = File::options().create(true).append(true).open(log_file(folder)).expect("a log");
    Process::start(&program.to_string_lossy(), |command: &mut Command| {
        command
            .arg("server.conf")
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("another handle")).stdout(log);
        if let Some(time) = &options.time {
            time.preload(command);
        }
    })
}

fn log_file(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}
