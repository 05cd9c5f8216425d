//! The operations listener, commands, and the files of a server.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rustix::process::Signal;

use crate::support::{
    request::{create, delete, get},
    server_process::Program,
};

#[tokio::test]
async fn a_serving_server_is_live_and_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    assert_eq!(server.page("/livez"), (200, "ok\n".to_owned()));
    crate::support::server_process::until("readiness", async || server.page("/readyz").0 == 200).await;
    assert_eq!(server.page("/nowhere").0, 404);
}

#[tokio::test]
async fn metrics_count_calls_by_method_and_code_and_live_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let mut codes = server.codes();
    let mut last = String::new();
    for _ in 0..3 {
        let created = codes.create_registration_code(create()).await.expect("creates").into_inner();
        last = created.registration_code.expect("a code").code;
    }
    codes.delete_registration_code(delete(&last)).await.expect("deletes");
    codes.get_registration_code(get(&last)).await.expect_err("is gone");
    codes.get_registration_code(get("BCDFGHJ")).await.expect_err("never was");

    let (status, metrics) = server.page("/metrics");
    assert_eq!(status, 200);
    for (method, code, count) in [
        ("CreateRegistrationCode", "OK", 3),
        ("DeleteRegistrationCode", "OK", 1),
        ("GetRegistrationCode", "NOT_FOUND", 2),
    ] {
        let line = metrics.lines().find(|line| {
            line.starts_with("rpc_server_call_duration_seconds_count{")
                && line.contains(&format!("rpc_method=\"passbridge.v1.RegistrationCodeService/{method}\""))
                && line.contains(&format!("\"{code}\""))
        });
        let line = line.unwrap_or_else(|| panic!("{method} {code} is not in\n{metrics}"));
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
    let misses = "passbridge_code_lookup_misses_total{environment=\"default\"} 1\n";
    assert!(metrics.contains(misses), "a tombstone is not counted as a miss: {metrics}");
    assert!(metrics.contains("passbridge_live_codes{environment=\"default\"} 2\n"), "{metrics}");
    assert!(metrics.contains("passbridge_build_info{version="), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[tokio::test]
async fn unknown_paths_create_no_metric_label() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let mut grpc = tonic::client::Grpc::new(server.channel());
    grpc.ready().await.expect("connects");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = http::uri::PathAndQuery::from_static("/some.Stranger/Path");
    grpc.unary(tonic::Request::new(()), path, codec).await.expect_err("no such method");
    let (_, metrics) = server.page("/metrics");
    assert!(metrics.contains("rpc_method=\"_OTHER\"") && !metrics.contains("Stranger"), "{metrics}");
}

#[tokio::test]
async fn logs_and_metrics_contain_no_codes_devices_or_addresses() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).env("PASSBRIDGE_LOG__FILTER", "trace,h2=info").start();
    let mut codes = server.codes();
    let request = passbridge::proto::v1::CreateRegistrationCodeRequest {
        device_id: Some("the-secret-device".to_owned()),
        device_ip: "198.51.100.77".to_owned(),
        ..create()
    };
    let created = codes.create_registration_code(request).await.expect("creates").into_inner();
    let code = created.registration_code.expect("a code").code;
    let mut wrong = get("BCDFGHJ");
    wrong.viewer_ip = "198.51.100.78".to_owned();
    codes.get_registration_code(wrong).await.expect_err("is unknown");
    codes.delete_registration_code(delete(&code)).await.expect("deletes");
    let (_, metrics) = server.page("/metrics");
    server.terminate().await;
    let log = server.rest_of_log();
    assert!(log.contains("\"stopped\""), "{log}");
    for text in [log, metrics] {
        for secret in ["the-secret-device", "198.51.100.7", "BCDFGHJ", code.as_str()] {
            assert!(!text.contains(secret), "{secret} is in\n{text}");
        }
    }
}

fn statement(data: &Path) -> Program {
    let data = data.to_str().expect("UTF-8");
    Program::new(&["statement", "--requestor", "REF", "--client-name", "TV app"])
        .env("PASSBRIDGE_STORE__PATH", data)
        .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
}

#[track_caller]
fn assert_minted(data: &Path) {
    let output = statement(data).output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_control_socket_answers_once_a_port_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).begin();
    while !listens_anywhere(server.id()) {
        std::thread::yield_now();
    }
    assert_minted(folder.path());
    server.wait_until_serving();
    server.kill();
}

/// Whether a process listens on any port, according to Linux and without opening a connection.
fn listens_anywhere(process: u32) -> bool {
    const LISTEN: &str = "0A";
    let folder = Path::new("/proc").join(process.to_string());
    let sockets = fs::read_to_string(folder.join("net/tcp")).expect("a running process");
    let listening: Vec<_> = sockets
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.get(3) == Some(&LISTEN))
        .filter_map(|columns| Some(format!("socket:[{}]", columns.get(9)?)))
        .collect();
    let files = fs::read_dir(folder.join("fd")).expect("a running process");
    let mut targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.any(|target| listening.iter().any(|socket| target == Path::new(socket)))
}

#[test]
fn commands_without_a_server_run_one_after_another() {
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_minted(folder.path()));
        }
    });
}

#[test]
fn a_draining_server_still_accepts_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).env("PASSBRIDGE_RUNTIME__DRAIN_DELAY", "10m").start();
    server.signal(Signal::TERM);
    server.wait_for_line("\"draining\"");
    assert_minted(folder.path());
    server.kill();
}

#[tokio::test]
async fn files_are_private_to_the_server_user_with_any_umask() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Program::server(&data).with_open_umask().start();
    server.codes().create_registration_code(create()).await.expect("creates");
    let mut seen = assert_private(&data);
    for expected in ["admin.sock", "audit.log", "format"] {
        assert!(seen.iter().any(|name| name == expected), "{expected} is not among {seen:?}");
    }
    server.terminate().await;
    assert!(statement(&data).with_open_umask().output().status.success());
    seen = assert_private(&data);
    assert!(seen.iter().any(|name| name.ends_with(".jnl")), "{seen:?}");
}

#[tokio::test]
async fn the_next_start_restricts_the_permissions_of_readable_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Program::server(&data).start();
    server.codes().create_registration_code(create()).await.expect("creates");
    server.terminate().await;
    open_to_all(&data);
    let mut server = Program::server(&data).start();
    assert_private(&data);
    server.terminate().await;
}

/// Makes everything below a folder readable for every user.
fn open_to_all(folder: &Path) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let is_folder = path.is_dir();
        let mode = if is_folder { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        if is_folder {
            open_to_all(&path);
        }
    }
}

/// Returns the names of the files below a folder. No other user may access any of them.
fn assert_private(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let entry = entry.expect("readable");
        let metadata = entry.metadata().expect("is there");
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", entry.path().display());
        if metadata.is_dir() {
            names.extend(assert_private(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().expect("UTF-8"));
        }
    }
    names
}
