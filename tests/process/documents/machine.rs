//! The machine of a page's reader: a folder, a shell in it, and the servers that were started there.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::Path};

use passbridge::config::{self, Config};
use tempfile::TempDir;
use test_engine::{Server, ServerOptions};

use super::{answer::Outcome, shell::Shell};
use crate::{
    markdown::ROOT,
    support::{
        provider::Provider,
        server_process::{Program, ServerProcess},
    },
};

/// Where documents have Redis.
const REDIS: &str = "127.0.0.1:6379";

/// Folders of the whole machine, which are below the reader's own here.
const MACHINE_FOLDERS: [&str; 3] = ["/etc/passbridge", "/run/secrets", "/var/lib/passbridge"];

/// How documents start a server; arguments may follow.
const SERVE: [&str; 3] =
    ["./target/release/passbridge serve", "passbridge serve", "cargo run --release -- serve"];

/// How they start the mock provider; the address follows.
const MOCK_PROVIDER: &str = "cargo run --release --bin mock-provider -- --listen ";

/// How they build what is built already.
const BUILD: &str = "cargo build --release";

/// Whether this line of a block is done by the test itself.
pub fn starts_something(line: &str) -> bool {
    line == BUILD || line.starts_with(MOCK_PROVIDER) || SERVE.iter().any(|serve| line.starts_with(serve))
}

/// A folder with a shell and servers, all of which end with it.
pub struct Machine {
    shell: Shell,
    servers: Vec<Running>,
    providers: Vec<(String, Provider)>,
    redis: Option<Server>,
    folder: TempDir,
}

/// A server, and the addresses that the page has for it.
struct Running {
    process: ServerProcess,
    written: Addresses,
}

/// Where a server listens.
#[derive(Clone, Copy)]
struct Addresses {
    grpc: SocketAddr,
    rest: SocketAddr,
    operations: SocketAddr,
}

impl Addresses {
    fn of(config: &Config) -> Self {
        Self { grpc: config.grpc.listen, rest: config.rest.listen, operations: config.operations.listen }
    }
}

impl Machine {
    /// A machine with a release of passbridge, and nothing that runs.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = folder.path().join("target/release");
        let folders = MACHINE_FOLDERS.map(|path| folder.path().join(&path[1..]));
        for folder in folders.iter().chain([&programs]) {
            fs::create_dir_all(folder).expect("a folder");
        }
        symlink(env!("CARGO_BIN_EXE_passbridge"), programs.join("passbridge")).expect("links");
        symlink(Path::new(ROOT).join("proto"), folder.path().join("proto")).expect("links");
        let shell = Shell::start(folder.path(), &programs);
        Self { shell, servers: Vec::new(), providers: Vec::new(), redis: None, folder }
    }

    /// Writes a configuration that names its file in its first line, as a comment.
    pub fn write_file(&mut self, text: &str) {
        let first = text.lines().next().unwrap_or_default();
        if let Some(name) =
            first.strip_prefix("# ").filter(|name| name.ends_with(".toml") && !name.contains(' '))
        {
            let text = self.prepared(text);
            let path = self.folder.path().join(self.replaced(name));
            fs::write(path, text).expect("writes");
        }
    }

    /// Runs a block of commands.
    pub fn run(&mut self, block: &str) -> Outcome {
        let mut outcome = Outcome { is_success: true, output: String::new(), error: String::new() };
        let mut commands = String::new();
        for line in block.lines() {
            if starts_something(line) {
                outcome.add(self.paste(&std::mem::take(&mut commands)));
                self.start(line);
            } else {
                commands.push_str(line);
                commands.push('\n');
            }
        }
        outcome.add(self.paste(&commands));
        outcome
    }

    /// A text of the page with the addresses and folders of this machine in it.
    pub fn replaced(&self, text: &str) -> String {
        // The newest first, since it has the address of operations that others had.
        let servers = self.servers.iter().rev().flat_map(|Running { process, written }| {
            [
                (written.grpc, process.grpc),
                (written.rest, process.rest),
                (written.operations, process.operations),
            ]
        });
        let servers = servers.map(|(written, actual)| (written.to_string(), actual.to_string()));
        let providers = self
            .providers
            .iter()
            .map(|(written, provider)| (written.clone(), provider.address().to_string()));
        let redis = self.redis.iter().map(|redis| (REDIS.to_owned(), redis.address().to_string()));
        let root = self.folder.path().display();
        let folders = MACHINE_FOLDERS.iter().map(|path| ((*path).to_owned(), format!("{root}{path}")));
        let replacements: Vec<_> = servers.chain(providers).chain(redis).chain(folders).collect();
        let replace = |line: &str| {
            // A server that is to be started has its own ports.
            if line.starts_with("listen") {
                return line.to_owned();
            }
            replacements.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
        };
        text.split_inclusive('\n').map(replace).collect()
    }

    /// The same, after the default server and Redis were started where the text calls them.
    fn prepared(&mut self, text: &str) -> String {
        let default = Addresses::of(&Config::default());
        let is_called = |address: SocketAddr| {
            let address = address.to_string();
            text.lines().any(|line| line.contains(&address) && !line.starts_with("listen"))
        };
        let is_elsewhere =
            |server: &Running| server.written.grpc != default.grpc && server.written.rest != default.rest;
        if [default.grpc, default.rest, default.operations].into_iter().any(is_called)
            && self.servers.iter().all(is_elsewhere)
        {
            self.serve(None);
        }
        if text.contains(REDIS) && self.redis.is_none() {
            self.redis = Some(Server::start(ServerOptions::default()));
        }
        self.replaced(text)
    }

    fn paste(&mut self, commands: &str) -> Outcome {
        let commands = self.prepared(commands);
        self.shell.run(&commands)
    }

    fn start(&mut self, line: &str) {
        if let Some(arguments) = line.strip_prefix(MOCK_PROVIDER) {
            let address = arguments.split(' ').next().unwrap_or_default();
            self.providers.push((address.to_owned(), Provider::start()));
        } else if let Some(arguments) = SERVE.iter().find_map(|serve| line.strip_prefix(serve)) {
            let config = arguments.trim().strip_prefix("--config ").map(|file| self.replaced(file));
            assert!(config.is_some() || arguments.is_empty(), "`{line}`: only --config FILE may follow");
            self.serve(config.as_deref());
        }
    }

    /// Starts a server, in the place of one that has an address of its own.
    fn serve(&mut self, file: Option<&str>) {
        let path = file.map(|file| self.folder.path().join(file));
        let config = config::load(path.as_deref(), []).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let written = Addresses::of(&config);
        self.servers.retain(|other| other.written.grpc != written.grpc && other.written.rest != written.rest);
        let any_port = |address: SocketAddr| SocketAddr::new(address.ip(), 0).to_string();
        let mut program = Program::new(&["serve"]).in_folder(self.folder.path());
        if let Some(path) = &path {
            program = program.argument("--config").argument(path);
        }
        let process = program
            .env("PASSBRIDGE_GRPC__LISTEN", &any_port(written.grpc))
            .env("PASSBRIDGE_REST__LISTEN", &any_port(written.rest))
            .env("PASSBRIDGE_OPERATIONS__LISTEN", &any_port(written.operations))
            .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
            .env("PASSBRIDGE_LOG__FORMAT", "json")
            .start();
        // For commands that read where the server listens.
        for (section, address) in
            [("GRPC", process.grpc), ("REST", process.rest), ("OPERATIONS", process.operations)]
        {
            self.shell.export(&format!("PASSBRIDGE_{section}__LISTEN"), &address.to_string());
        }
        self.servers.push(Running { process, written });
    }
}
