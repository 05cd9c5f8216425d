//! A server on the embedded store, which is killed and restarted.

use std::{fmt::Write as _, fs, path::Path};

use tempfile::TempDir;

use crate::{
    history::{History, MAX_RESOURCES},
    run::Servers,
    support::server_process::{Program, ServerProcess},
    workload::temp_pass,
};

/// The server and its folder.
pub struct EmbeddedServer {
    folder: TempDir,
    server: ServerProcess,
}

impl EmbeddedServer {
    /// Starts a server with this number of TempPasses and an empty store.
    pub fn new(temp_passes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("passbridge.toml"), config(temp_passes)).expect("written");
        Self { server: start(folder.path()), folder }
    }

    /// The address of the server.
    pub fn servers(&self) -> Servers {
        Servers::new(vec![self.server.grpc])
    }

    /// Kills the server and restarts it. Every third time it is also killed during the start, while its index is being filled.
    pub fn crash(&mut self, servers: &Servers, history: &History, faults: u64) {
        history.event("server killed");
        self.server.kill();
        if faults % 3 == 2 {
            start(self.folder.path()).kill();
        }
        self.start(servers, history);
    }

    /// Kills the server, calls `change` with its data folder, and restarts it.
    pub fn crash_and(&mut self, servers: &Servers, history: &History, change: impl FnOnce(&Path)) {
        history.event("server killed, its data changed");
        self.server.kill();
        change(&self.folder.path().join("data"));
        self.start(servers, history);
    }

    fn start(&mut self, servers: &Servers, history: &History) {
        self.server = start(self.folder.path());
        history.event("server started");
        servers.send_replace(vec![self.server.grpc]);
    }
}

fn start(folder: &Path) -> ServerProcess {
    let config = folder.join("passbridge.toml");
    Program::server(&folder.join("data")).argument("--config").argument(config).start()
}

/// The configuration for histories: trials that do not expire during a test, and a large failed-lookup budget.
pub fn config(temp_passes: usize) -> String {
    let mut config = "[codes]\nmisses_per_viewer = 60000\nmisses_per_caller = 60000\n\n\
                      [environments.default.requestors.REF.temp_passes]\n"
        .to_owned();
    for index in 0..temp_passes {
        let name = temp_pass(index);
        writeln!(
            config,
            "{name} = {{ kind = \"promotional\", ttl = \"10h\", max_resources = {MAX_RESOURCES} }}"
        )
        .expect("writing to a string does not fail");
    }
    config
}
