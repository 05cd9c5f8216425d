//! Resets from the command line (files, standard input, a terminal), and trials of a killed server.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use passbridge::proto::v1::{
    AuthorizeTempPassRequest, Decision, ResetTempPassRequest, reset_temp_pass_request::Target,
    temp_pass_service_client::TempPassServiceClient,
};

use crate::support::{
    request::REQUESTOR,
    server_process::{Program, ServerProcess},
};

fn authorize(device: &str) -> AuthorizeTempPassRequest {
    AuthorizeTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        device_id: device.to_owned(),
        resource_id: "channel".to_owned(),
        ..AuthorizeTempPassRequest::default()
    }
}

async fn start_trials(server: &ServerProcess, devices: &[&str]) {
    let mut client = TempPassServiceClient::new(server.channel());
    for device in devices {
        client.authorize_temp_pass(authorize(device)).await.expect("authorizes");
    }
}

/// Runs `passbridge temp-pass reset` of the sample TempPass at this server.
fn reset(server: &ServerProcess, arguments: &[&str]) -> Program {
    let common = ["temp-pass", "reset", "--requestor", REQUESTOR, "--mvpd", "TempPass"];
    let program = Program::new(&common).env("PASSBRIDGE_GRPC__LISTEN", &server.grpc.to_string());
    arguments.iter().fold(program, Program::argument)
}

/// Returns the status, standard output and standard error of a command.
fn outcome(program: Program) -> (bool, String, String) {
    let output = program.output();
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test]
async fn a_reset_file_is_processed_by_line_and_failed_lines_can_be_retried() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    start_trials(&server, &["a", "b"]).await;
    let file = folder.path().join("devices.csv");
    fs::write(&file, "device_id,app_id\na,\nall,\n\"b\",,\nb,\nunknown,\n").expect("written");
    let (succeeded, said, errors) = outcome(reset(&server, &["--file", text(&file)]));
    assert!(!succeeded && said.contains("5 lines, 2 trials reset, 2 lines failed"), "{said}{errors}");
    assert!(errors.contains("line 3: device_id") && errors.contains("line 4: has 3 values"), "{errors}");

    let failed = folder.path().join("devices.csv.failed");
    let text_of_failed = fs::read_to_string(&failed).expect("readable");
    assert!(text_of_failed.starts_with("device_id,app_id,error\n"), "{text_of_failed}");
    fs::write(&failed, text_of_failed.replace("all,", "a,")).expect("written");
    let again = folder.path().join("again.csv");
    let (_, said, errors) = outcome(reset(&server, &["--file", text(&failed), "--failed", text(&again)]));
    assert!(said.contains("2 lines, 0 trials reset, 0 lines failed"), "{said}{errors}");
    assert!(!again.exists());
}

#[tokio::test]
async fn json_lines_come_from_standard_input_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    start_trials(&server, &["a"]).await;
    let lines = "{\"device_id\": \"a\"}\n\n{\"device\": \"b\"}\nnot json\n{\"device_id\": \"b\", \"generic_key\": \"c\"}\n";
    let input = folder.path().join("input");
    fs::write(&input, lines).expect("written");
    let failed = folder.path().join("failed.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_passbridge"))
        .args(["temp-pass", "reset", "--requestor", REQUESTOR, "--mvpd", "TempPass", "--file", "-"])
        .args(["--format", "jsonl", "--failed", text(&failed)])
        .env("PASSBRIDGE_GRPC__LISTEN", server.grpc.to_string())
        .stdin(Stdio::from(fs::File::open(&input).expect("opens")))
        .output()
        .expect("runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.contains("4 lines, 1 trials reset, 3 lines failed"), "{said}");
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    for line in ["line 3: ", "line 4: ", "line 5: "] {
        assert!(errors.contains(line), "{errors}");
    }
    assert_eq!(fs::read_to_string(&failed).expect("readable").lines().count(), 3);
}

#[tokio::test]
async fn a_dry_run_resets_nothing_and_a_reset_of_all_requires_confirmation() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    start_trials(&server, &["a"]).await;
    let file = folder.path().join("devices.csv");
    fs::write(&file, "device_id\na\nb\n").expect("written");
    let (succeeded, said, _) = outcome(reset(&server, &["--file", text(&file), "--dry-run"]));
    assert!(succeeded && said.contains("2 devices and 0 users"), "{said}");
    let (_, said, _) = outcome(reset(&server, &["--all", "--dry-run"]));
    assert!(said.contains("would reset EVERY trial of TempPass for REF"), "{said}");
    let (succeeded, _, errors) = outcome(reset(&server, &["--all"]));
    assert!(!succeeded && errors.contains("--yes"), "{errors}");
    let (_, said, _) = outcome(reset(&server, &["--device", "a"]));
    assert_eq!(said, "reset the trial of that device of TempPass for REF\n", "the trial still existed");
    let (succeeded, said, errors) = outcome(reset(&server, &["--all", "--yes"]));
    assert!(succeeded && said.contains("reset EVERY trial"), "{said}{errors}");
    let (succeeded, _, errors) = outcome(reset(&server, &["--device", "all"]));
    assert!(!succeeded && errors.contains("device_id: "), "{errors}");
}

#[tokio::test]
async fn a_malformed_line_affects_no_other_and_reveals_no_identifier() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    start_trials(&server, &["a", "b"]).await;
    let file = folder.path().join("devices.csv");
    fs::write(&file, "device_id\r\na\r\n\"open\r\nb\r\n").expect("written");
    let (_, said, errors) = outcome(reset(&server, &["--file", text(&file)]));
    assert!(said.contains("3 lines, 2 trials reset, 1 lines failed"), "{said}{errors}");
    assert!(errors.contains("line 3: has an unclosed quote"), "{errors}");

    let lines = folder.path().join("users.jsonl");
    let key = "a".repeat(64);
    let wrong = format!(
        "{{\"user_identifier\": 4917012345}}\n{{\"user@domain.com\": \"\"}}\n[\"user@domain.com\"]\n\
         {{\"generic_key\": \"{key}\", \"app_id\": \"app\"}}\n"
    );
    fs::write(&lines, wrong).expect("written");
    let (_, said, errors) = outcome(reset(&server, &["--file", text(&lines)]));
    assert!(said.contains("4 lines, 0 trials reset, 4 lines failed"), "{said}{errors}");
    assert!(!errors.contains("4917012345") && !errors.contains("user@domain.com"), "{errors}");
    assert!(errors.contains("line 4: has app_id"), "{errors}");
    let failed = folder.path().join("users.jsonl.failed");
    let (_, said, errors) = outcome(reset(&server, &["--file", text(&failed)]));
    assert!(said.contains("4 lines"), "it can be fed in again: {said}{errors}");

    let headless = folder.path().join("headless.csv");
    fs::write(&headless, "user@domain.com\n").expect("written");
    let (succeeded, _, errors) = outcome(reset(&server, &["--file", text(&headless)]));
    assert!(!succeeded && errors.contains("column 1") && !errors.contains("user@domain.com"), "{errors}");
}

#[tokio::test]
async fn the_input_file_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    let file = folder.path().join("devices.csv");
    fs::write(&file, "device_id\nall\n").expect("written");
    let other_name = folder.path().join(".").join("devices.csv");
    let (succeeded, _, errors) =
        outcome(reset(&server, &["--file", text(&file), "--failed", text(&other_name)]));
    assert!(!succeeded && errors.contains("--failed"), "{errors}");
    assert_eq!(fs::read_to_string(&file).expect("readable"), "device_id\nall\n");
}

#[tokio::test]
async fn an_unreachable_server_loses_no_line_of_a_reset_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("devices.csv");
    fs::write(&file, "device_id\na\n").expect("written");
    let mut server = Program::server(&folder.path().join("data")).start();
    server.kill();
    let (succeeded, _, errors) = outcome(reset(&server, &["--file", text(&file)]));
    assert!(!succeeded && errors.contains("cannot connect to"), "{errors}");
}

/// A terminal shows the progress bar, which continues past a malformed line.
#[tokio::test]
async fn a_terminal_shows_progress_and_names_malformed_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    let file = folder.path().join("devices.csv");
    let mut lines = "device_id\n".to_owned();
    for line in 2..70_100 {
        let broken = if line == 70_000 { ",broken" } else { "" };
        writeln!(lines, "device-{line}{broken}").expect("is memory");
    }
    fs::write(&file, lines).expect("written");
    let command = format!(
        "{} temp-pass reset --requestor {REQUESTOR} --mvpd TempPass --file {}",
        env!("CARGO_BIN_EXE_passbridge"),
        text(&file)
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("PASSBRIDGE_GRPC__LISTEN", server.grpc.to_string())
        .env("TERM", "xterm")
        .output()
        .expect("runs");
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "one line failed");
    assert!(screen.contains("line 70000: has 2 values, but the header has 1"), "{screen}");
    assert!(screen.contains("70098 lines, 0 trials reset, 1 lines failed"), "{screen}");
    let bar = screen.split(['\r', '\n']).find(|line| line.contains('%') && line.contains("/s"));
    assert!(bar.is_some_and(|bar| bar.contains("done") && bar.contains("left")), "{screen}");
}

#[tokio::test]
async fn a_kill_loses_no_acknowledged_trial_change() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let mut server = Program::server(folder.path()).start();
        let mut client = TempPassServiceClient::new(server.channel());
        let device = |n: usize| format!("round {round} device {n}");
        let mut start_times = Vec::new();
        for n in 0..50 {
            let answer =
                client.authorize_temp_pass(authorize(&device(n))).await.expect("authorizes").into_inner();
            start_times.push(answer.temp_pass.expect("is there").start_time);
        }
        for n in 0..25 {
            let request = ResetTempPassRequest {
                requestor_id: REQUESTOR.to_owned(),
                mvpd_id: "TempPass".to_owned(),
                target: Some(Target::DeviceId(device(n))),
                ..ResetTempPassRequest::default()
            };
            client.reset_temp_pass(request).await.expect("resets");
        }
        server.kill();
        let server = Program::server(folder.path()).start();
        let mut client = TempPassServiceClient::new(server.channel());
        for (n, start_time) in start_times.into_iter().enumerate() {
            let answer =
                client.authorize_temp_pass(authorize(&device(n))).await.expect("answers").into_inner();
            assert_eq!(answer.decision(), Decision::Permit);
            let is_same = answer.temp_pass.expect("is there").start_time == start_time;
            assert_eq!(is_same, n >= 25, "round {round}, device {n}");
        }
    }
}
