//! grpcurl, which the README shows, with nothing but reflection.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::server_process::{Program, ServerProcess};

fn binary() -> PathBuf {
    if let Some(path) = env::var_os("GRPCURL") {
        return path.into();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join("grpcurl")).find(|file| file.is_file()).expect(
        "grpcurl is needed: put it on the PATH, or its path into GRPCURL \
         (go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest)",
    )
}

fn grpcurl(server: &ServerProcess, flags: &[&str], rest: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("-plaintext").args(flags).arg(server.grpc.to_string()).args(rest);
    command.output().expect("runs")
}

fn success(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

const CREATE: &str = "passbridge.v1.RegistrationCodeService/CreateRegistrationCode";
const GET: &str = "passbridge.v1.RegistrationCodeService/GetRegistrationCode";

#[test]
fn it_lists_the_services() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let list = success(grpcurl(&server, &[], &["list"]));
    for service in
        ["passbridge.v1.RegistrationCodeService", "passbridge.v1.DeviceInfoService", "grpc.health.v1.Health"]
    {
        assert!(list.lines().any(|line| line == service), "{service} is not in:\n{list}");
    }
}

#[test]
fn it_describes_a_method_with_its_comment() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let description = success(grpcurl(&server, &[], &["describe", "passbridge.v1.RegistrationCodeService"]));
    assert!(description.contains("rpc CreateRegistrationCode"), "{description}");
    assert!(description.contains("Permission: `codes.create`."), "{description}");
}

#[test]
fn it_creates_and_reads_a_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let request = r#"{"requestor_id": "REF", "device_info": {"model": "Roku", "os_name": "Roku OS"}}"#;
    let answer = success(grpcurl(&server, &["-d", request], &[CREATE]));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let code = answer["registrationCode"]["code"].as_str().expect("a code");
    let request = format!(r#"{{"requestor_id": "REF", "code": "{code}"}}"#);
    let read: Value =
        serde_json::from_str(&success(grpcurl(&server, &["-d", &request], &[GET]))).expect("JSON");
    assert_eq!(read["registrationCode"]["id"], answer["registrationCode"]["id"]);
}

#[test]
fn it_prints_the_details_of_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let request = r#"{"requestor_id": "no spaces", "code": ""}"#;
    let output = grpcurl(&server, &["-d", request], &[GET]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    for expected in ["InvalidArgument", "INVALID_FIELD", "requestor_id", "fieldViolations"] {
        assert!(error.contains(expected), "{expected} is not in:\n{error}");
    }
    let request = r#"{"requestor_id": "REF", "code": "BCDFGHJ"}"#;
    let output = grpcurl(&server, &["-d", request], &[GET]);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    for expected in ["NotFound", "REGISTRATION_CODE_NOT_FOUND", "ProbableCauses", "remedy"] {
        assert!(error.contains(expected), "{expected} is not in:\n{error}");
    }
}

#[test]
fn it_checks_the_health() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let answer = success(grpcurl(&server, &[], &["grpc.health.v1.Health/Check"]));
    assert!(answer.contains("SERVING"), "{answer}");
}
