//! Commands that run and exit.

use std::fs;

use crate::support::server_process::Program;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn version_prints_name_and_version() {
    let output = Program::new(&["--version"]).output();
    assert!(output.status.success());
    assert_eq!(text(output.stdout), format!("passbridge {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_shows_the_commands_and_examples() {
    let output = Program::new(&["--help"]).output();
    assert!(output.status.success());
    let help = text(output.stdout);
    for expected in ["serve", "config", "--config", "Examples:", "grpcurl"] {
        assert!(help.contains(expected), "{expected:?} is not in:\n{help}");
    }
}

#[test]
fn an_unknown_command_lists_the_commands() {
    let output = Program::new(&["sevre"]).output();
    assert!(!output.status.success());
    let error = text(output.stderr);
    assert!(error.contains("serve"), "{error}");
}

#[test]
fn config_check_accepts_the_defaults() {
    let output = Program::new(&["config", "check"]).output();
    assert!(output.status.success(), "{}", text(output.stderr));
}

#[test]
fn config_check_accepts_a_file_with_environments() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let configuration = "[environments.staging.requestors.REF]\n\
                         verification_uri = \"https://example.com/activate{?code}\"\n";
    fs::write(&file, configuration).expect("written");
    let output = Program::new(&["config", "check", "--config"]).argument(&file).output();
    assert!(output.status.success(), "{}", text(output.stderr));
}

#[test]
fn config_check_reports_every_invalid_value() {
    let error = Program::new(&["config", "check"])
        .env("PASSBRIDGE_GRPC__LISTEN", "0.0.0.0:50051")
        .env("PASSBRIDGE_CODES__LENGTH", "2")
        .env("PASSBRIDGE_CODES__ALPHABET", "AEIOU!")
        .failure();
    for key in ["grpc.listen", "codes.length", "codes.alphabet"] {
        assert!(error.contains(key), "{key} is not in:\n{error}");
    }
}

#[test]
fn too_few_possible_codes_are_refused() {
    let error = Program::new(&["config", "check"]).env("PASSBRIDGE_CODES__LENGTH", "4").failure();
    assert!(error.contains("codes.length") && error.contains("max_live_codes"), "{error}");
}

#[test]
fn an_invalid_verification_uri_template_is_rejected_by_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let configuration =
        "[environments.staging.requestors.REF]\nverification_uri = \"https://example.com/\"\n";
    fs::write(&file, configuration).expect("written");
    let error = Program::new(&["config", "check", "--config"]).argument(&file).failure();
    assert!(error.contains("environments.staging.requestors.REF.verification_uri"), "{error}");
}

#[test]
fn the_committed_configuration_reference_is_current() {
    let output = Program::new(&["config", "reference"]).output();
    assert!(output.status.success());
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let committed = fs::read_to_string(committed).expect("docs/configuration.md");
    assert!(
        text(output.stdout) == committed,
        "they differ: run `cargo run -- config reference > docs/configuration.md`"
    );
}

#[test]
fn unrelated_environment_variables_are_ignored() {
    let output = Program::new(&["config", "check"])
        .env("PASSBRIDGE_PORT", "tcp://10.0.0.1:50051")
        .env("PASSBRIDGE_SERVICE_HOST", "10.0.0.1")
        .output();
    assert!(output.status.success(), "{}", text(output.stderr));
}
