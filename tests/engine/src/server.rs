//! A single server.

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

/// The number of ports to try.
const ATTEMPTS: u32 = 5;

/// A server with its own port and folder. It listens once this value exists, and is killed when the value is dropped or the
/// process ends for any reason.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    // Declared first, so that the server is killed before its folder is deleted and its port is released.
    process: Mutex<Process>,
    responds: AtomicBool,
    folder: TempDir,
    port: Port,
}

impl Server {
    /// Starts a server on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Panics with the server's log if the server does not start.
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

    /// The address that it listens on.
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

    /// Runs a command, bypassing TLS, access control and proxies. Waits for a replica that is loading the snapshot of its
    /// primary.
    ///
    /// # Panics
    ///
    /// Panics if the server does not answer.
    pub fn command(&self, command: &[impl AsRef<[u8]>]) -> Reply {
        let ask = || {
            let answered = self.connect().and_then(|mut connection| connection.ask(command));
            let reply = answered.unwrap_or_else(|error| panic!("{}: {error}", self.address()));
            let is_loading = matches!(&reply, Reply::Error(error) if error.starts_with("LOADING"));
            (!is_loading).then_some(reply)
        };
        until(|| format!("{} is loading", self.address()), ask)
    }

    /// Opens a connection for several commands, bypassing TLS, access control and proxies.
    ///
    /// # Errors
    ///
    /// Returns an error if the server is down.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(&self.folder.path().join(SOCKET), USER, PASSWORD)
    }

    /// Sends SIGKILL: connections are reset, and data that is not on disk is lost.
    pub fn kill(&self) {
        self.responds.store(false, Ordering::Relaxed);
        self.process().kill();
    }

    /// Sends SIGSTOP: connections stay open and are accepted, but get no answer. The server has stopped when this returns.
    pub fn stop_responding(&self) {
        self.responds.store(false, Ordering::Relaxed);
        self.process().stop();
    }

    /// Ends [`Self::stop_responding`].
    pub fn resume(&self) {
        self.process().resume();
        self.responds.store(true, Ordering::Relaxed);
    }

    /// Kills the server if it still runs, and starts it again with the same port and folder. It is ready when this returns.
    ///
    /// # Panics
    ///
    /// Panics with the server's log if the server does not start.
    pub fn restart(&self) {
        self.kill();
        *self.process() = launch(&self.options, &self.folder);
        self.until_ready()
            .unwrap_or_else(|log| panic!("{:?} does not start again:\n{log}", self.options.product));
        self.responds.store(true, Ordering::Relaxed);
    }

    /// Returns whether the server is neither killed nor stopped.
    pub fn responds(&self) -> bool {
        self.responds.load(Ordering::Relaxed)
    }

    /// Returns the server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(&self.folder)).expect("readable")
    }

    /// Waits until the server answers. Returns its log if it exited instead.
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
