//! Key rotation by an operator: prepend a new key, rotate, remove the former key.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use passbridge::proto::v1::CreateRegistrationCodeRequest;
use serde_json::Value;

use crate::{
    client::printed,
    support::{
        provider::Provider,
        request,
        server_process::{Program, ServerProcess},
    },
};

/// An installation with a provider and a key ring.
struct Installation {
    provider: Provider,
    folder: tempfile::TempDir,
}

impl Installation {
    fn new() -> Self {
        let installation =
            Self { provider: Provider::start(), folder: tempfile::tempdir().expect("a folder") };
        fs::write(installation.path("statement"), "a statement").expect("written");
        installation.write_configuration("");
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_configuration(&self, store: &str) {
        let text = format!(
            "[store]\n{store}\n[environments.default]\nbackend = \"v2\"\nurl = \"{}\"\n\
             software_statement_file = \"{}\"\n",
            self.provider.url(),
            self.path("statement").display()
        );
        fs::write(self.path("passbridge.toml"), text).expect("written");
    }

    /// Writes the key ring and names it in the configuration.
    fn write_ring(&self, lines: &[&str]) {
        fs::write(self.path("ring"), lines.join("\n")).expect("written");
        self.write_configuration(&format!("key_ring = \"{}\"", self.path("ring").display()));
    }

    fn with_configuration(&self, program: Program) -> Program {
        program.argument("--config").argument(self.path("passbridge.toml"))
    }

    fn server(&self) -> Program {
        self.with_configuration(Program::server(&self.path("data")))
    }

    fn rotate(&self) -> Program {
        let program = Program::new(&["keys", "rotate"]);
        let data = self.path("data");
        self.with_configuration(program).env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"))
    }

    /// Returns the audit entries of rotations: key, number of secrets, outcome.
    fn entries(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path("data").join("audit.log")).expect("readable");
        let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        entries.filter(|entry| entry["event"] == "keys_rotated").collect()
    }

    /// Creates a code. That requires the credentials and the token, and adds two secrets: the known device, and
    /// the device of the code. No registration follows the first one.
    async fn works(&self, server: &ServerProcess) {
        let request =
            CreateRegistrationCodeRequest { device_ip: "203.0.113.7".to_owned(), ..request::create() };
        server.codes().create_registration_code(request).await.expect("creates");
        assert_eq!(self.provider.issued().await, (1, 1), "registrations and tokens");
    }
}

fn new_key(id: &str) -> String {
    let line = printed(Program::new(&["keys", "new", "--id", id]));
    assert!(line.starts_with(&format!("{id}:")), "{line}");
    line
}

#[tokio::test]
async fn a_rotation_reseals_everything_and_the_former_key_can_be_removed() {
    let installation = Installation::new();
    let (one, two) = (new_key("one"), new_key("two"));
    installation.write_ring(&[&one]);
    let mut server = installation.server().start();
    installation.works(&server).await;

    installation.write_ring(&[&two, &one]);
    let output = printed(installation.rotate());
    assert!(output.contains("5 of 5 secrets") && output.contains("\"two\""), "{output}");
    server.wait_for_line("keys rotated");
    let output = printed(installation.rotate());
    assert!(output.contains("0 of 5 secrets"), "{output}");
    installation.works(&server).await;
    assert!(server.terminate().await.success());

    installation.write_ring(&[&two]);
    let mut server = installation.server().start();
    installation.works(&server).await;
    assert!(server.terminate().await.success());

    // The former key no longer opens any secret.
    installation.write_ring(&[&one]);
    let error = installation.server().failure();
    for part in [
        "store.key_ring: ",
        "the signing key: ",
        "the credentials of the environment \"default\"",
        "of the known devices: ",
        "\"two\"",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let entries = installation.entries();
    let rotations: Vec<_> =
        entries.iter().map(|entry| (&entry["key"], &entry["resealed"], &entry["face"])).collect();
    let two = Value::from("two");
    assert_eq!(rotations, [(&two, &5.into(), &"admin".into()), (&two, &0.into(), &"admin".into())]);
}

#[tokio::test]
async fn keys_stored_without_a_ring_are_sealed_by_a_command_without_a_server() {
    let installation = Installation::new();
    let mut server = installation.server().start();
    installation.works(&server).await;
    assert!(server.terminate().await.success());
    let error = installation.rotate().failure();
    assert!(
        error.contains("store.key_ring: is required") && error.contains("passbridge keys new"),
        "{error}"
    );

    installation.write_ring(&[&new_key("one")]);
    // Until then the unsealed secret is used and reported.
    let mut server = installation.server().begin();
    let line = server.wait_for_line("not sealed with the first key");
    assert!(line.contains("passbridge keys rotate"), "{line}");
    server.wait_until_serving();
    installation.works(&server).await;
    assert!(server.terminate().await.success());
    let output = printed(installation.rotate());
    assert!(output.contains("5 of 7 secrets"), "{output}");
    let server = installation.server().start();
    installation.works(&server).await;
    let entries = installation.entries();
    let ways: Vec<_> = entries.iter().map(|entry| (&entry["face"], &entry["result"])).collect();
    assert_eq!(ways, [(&"command".into(), &"refused".into()), (&"command".into(), &Value::Null)]);
}

#[tokio::test]
async fn an_unusable_key_ring_changes_nothing_on_a_running_server() {
    let installation = Installation::new();
    let (one, two) = (new_key("one"), new_key("two"));
    installation.write_ring(&[&one]);
    let server = installation.server().start();
    installation.works(&server).await;

    installation.write_ring(&[&two]);
    let error = installation.rotate().failure();
    assert!(
        error.contains("the credentials of the environment \"default\"") && error.contains("\"one\""),
        "{error}"
    );
    let (_, secret) = two.split_once(':').expect("an id and a key");
    installation.write_ring(&[&format!("three:{}", &secret[..20])]);
    let error = installation.rotate().failure();
    assert!(error.contains("store.key_ring: ") && error.contains("line 1"), "{error}");
    assert!(!error.contains(&secret[..20]), "{error}");
    installation.works(&server).await;
    let entries = installation.entries();
    assert_eq!(entries.iter().map(|entry| &entry["result"]).collect::<Vec<_>>(), ["refused", "refused"]);

    // With both keys the rotation resumes.
    installation.write_ring(&[&two, &one]);
    let output = printed(installation.rotate());
    assert!(output.contains("7 of 7 secrets"), "{output}");
    installation.works(&server).await;
}

#[test]
fn generated_keys_differ_and_key_ids_must_fit_on_a_line() {
    let keys = [(); 2].map(|()| printed(Program::new(&["keys", "new"])));
    assert_ne!(keys[0], keys[1]);
    for id in ["", "a:b", "#a", " a", "a\nb"] {
        let error = Program::new(&["keys", "new", "--id", id]).failure();
        assert!(error.contains("--id: "), "{id:?}: {error}");
    }
}

#[tokio::test]
async fn world_readable_secret_files_cause_a_warning() {
    let installation = Installation::new();
    installation.write_ring(&[&new_key("one")]);
    for (file, mode) in [("ring", 0o644), ("statement", 0o600)] {
        fs::set_permissions(installation.path(file), fs::Permissions::from_mode(mode)).expect("set");
    }
    let mut server = installation.server().begin();
    let line = server.wait_for_line("secret file is readable by every user");
    assert!(line.contains("\"store.key_ring\"") && line.contains("WARN"), "{line}");
    server.wait_until_serving();
    server.kill();
    // One line for each such file.
    let log = server.rest_of_log();
    assert!(!log.contains("readable by every user"), "{log}");
}
