//! The shared code of this binary's tests.

#[path = "../support/http.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod http;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod provider;
#[path = "../support/request.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod request;
#[path = "../support/server_process.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod server_process;

use std::{fs, path::PathBuf};

use self::server_process::{Program, ServerProcess};

/// The configuration of servers that share an engine or have their own data folder.
pub struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    /// Configures servers for the engine at these addresses, with more configuration lines.
    pub fn over(urls: &[String], more: &str) -> Self {
        Self::with(&format!("kind = \"redis\"\nurl = \"{}\"", urls.join(",")), more)
    }

    /// Configures a server with its own data folder, with more configuration lines.
    pub fn embedded(more: &str) -> Self {
        Self::with("free_space_reserve = 0", more)
    }

    fn with(store: &str, more: &str) -> Self {
        let installation = Self { folder: tempfile::tempdir().expect("a folder") };
        installation.write_ring(&[&key("first")]);
        let (data, ring) = (installation.path("data"), installation.path("ring"));
        let text = format!(
            "[store]\n{store}\npath = \"{}\"\nkey_ring = \"{}\"\n{more}",
            data.display(),
            ring.display()
        );
        fs::write(installation.path("passbridge.toml"), text).expect("written");
        installation
    }

    /// Returns the path of a file of the installation.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the key ring of all servers.
    pub fn write_ring(&self, lines: &[&str]) {
        fs::write(self.path("ring"), lines.join("\n")).expect("written");
    }

    /// Starts a server.
    pub fn server(&self) -> Program {
        Program::server(&self.path("data")).argument("--config").argument(self.path("passbridge.toml"))
    }

    /// Starts two servers.
    pub fn two(&self) -> [ServerProcess; 2] {
        [self.server().start(), self.server().start()]
    }

    /// Returns the output of a command.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> String {
        let program = Program::new(arguments).argument("--config").argument(self.path("passbridge.toml"));
        let output = program.output();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }
}

/// Generates a line of a key ring.
pub fn key(id: &str) -> String {
    let output = Program::new(&["keys", "new", "--id", id]).output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
