//! Commands for REST clients, with and without a running server.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustix::process::Signal;

use crate::{
    markdown::Document,
    support::{
        http::{Answer, call},
        server_process::{Program, ServerProcess},
    },
};

const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";

/// A command for this data folder.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Program {
    Program::new(arguments).env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"))
}

/// A command that calls the REST face of this server.
pub(crate) fn command_for(server: &ServerProcess, data: &Path, arguments: &[&str]) -> Program {
    command(data, arguments).env("PASSBRIDGE_REST__LISTEN", &server.rest.to_string())
}

/// Returns the output of a command, which must succeed.
#[track_caller]
pub(crate) fn printed(program: Program) -> String {
    let output = program.output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

async fn create(server: &ServerProcess, token: &str) -> Answer {
    call(server.rest, "POST", "/reggie/v1/REF/regcode.json?deviceId=device")
        .header("authorization", format!("Bearer {token}"))
        .header("x-device-info", DEVICE_INFO)
        .send()
        .await
}

#[tokio::test]
async fn a_token_for_a_first_call_is_one_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let token = printed(command_for(&server, folder.path(), &["token"]));
    create(&server, &token).await.json(201);

    let token = printed(command_for(&server, folder.path(), &["token", "--requestor", "OTHER"]));
    create(&server, &token).await.error(403);

    let url = format!("http://{}/", server.rest);
    let token = printed(command(folder.path(), &["token", "--requestor", "REF", "--url", &url]));
    create(&server, &token).await.json(201);
}

#[tokio::test]
async fn a_device_without_an_accept_header_gets_xml() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let token = printed(command_for(&server, folder.path(), &["token"]));
    let created = call(server.rest, "POST", "/reggie/v1/REF/regcode")
        .header("authorization", format!("Bearer {token}"))
        .form(format!("deviceId=device&device_info={DEVICE_INFO}"))
        .send()
        .await;
    assert!(created.xml(201).contains("<requestor>REF</requestor>"), "{created:?}");
}

#[tokio::test]
async fn statements_are_minted_with_one_key_with_and_without_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let arguments = ["statement", "--requestor", "REF", "--client-name", "TV app"];
    let before = printed(command(&data, &arguments));
    let server = Program::server(&data).start();
    let during = printed(command(&data, &arguments));
    for statement in [before, during] {
        let file = folder.path().join("statement");
        fs::write(&file, &statement).expect("written");
        let file = file.to_str().expect("UTF-8");
        let token = printed(command_for(&server, &data, &["token", "--statement", file]));
        let record = create(&server, &token).await.json(201);
        assert_eq!(record["info"]["sourceApplicationInformation"]["name"], "TV app");
    }
}

#[tokio::test]
async fn tokens_and_revocations_survive_a_server_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let statement = printed(command(folder.path(), &["statement", "--requestor", "REF"]));
    let file = folder.path().join("statement");
    fs::write(&file, &statement).expect("written");
    let revoked = printed(command_for(
        &server,
        folder.path(),
        &["token", "--statement", file.to_str().expect("UTF-8")],
    ));
    let good = printed(command_for(&server, folder.path(), &["token"]));
    assert_eq!(printed(command(folder.path(), &["revoke", "--statement", &statement])), "revoked");
    server.kill();

    let server = Program::server(folder.path()).start();
    create(&server, &good).await.json(201);
    assert!(create(&server, &revoked).await.error(401).contains("revoked"));
}

#[tokio::test]
async fn the_control_socket_is_private_and_removed_at_shutdown() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("admin.sock");
    let mut server = Program::server(folder.path()).start();
    let mode = fs::metadata(&socket).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(server.terminate().await.success());
    assert!(!socket.exists());
}

#[test]
fn invalid_command_arguments_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let error = command(data, &["statement", "--requestor", "a b", "--permission", "codes.guess"]).failure();
    assert!(error.contains("requestor: ") && error.contains("permission: "), "{error}");
    let error = command(data, &["revoke", "--client", "nobody"]).failure();
    assert!(error.contains("client: "), "{error}");
    let usage = command(data, &["revoke"]).output();
    assert!(!usage.status.success());
    let usage = command(data, &["revoke", "--issued-before", "yesterday"]).output();
    assert!(String::from_utf8_lossy(&usage.stderr).contains("2026-01-31T12:00:00Z"));
    let nobody = command(data, &["token", "--url", "http://127.0.0.1:1"]).failure();
    assert!(nobody.contains("127.0.0.1:1"), "{nobody}");
}

#[test]
fn a_public_rest_address_without_tls_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Program::server(folder.path()).env("PASSBRIDGE_REST__LISTEN", "0.0.0.0:0").failure();
    assert!(error.contains("rest.listen") && error.contains("terminated_elsewhere"), "{error}");
    let server = Program::server(folder.path())
        .env("PASSBRIDGE_REST__LISTEN", "0.0.0.0:0")
        .env("PASSBRIDGE_REST__TLS__MODE", "terminated_elsewhere");
    server.start();
}

#[test]
fn config_check_reports_every_invalid_rest_client_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let text = r#"
        [rest]
        cors_origins = ["example.com"]
        statement_jwks = "nowhere.json"
        address_limit = { per_second = 0, burst = 1 }
        [[rest.legacy_keys]]
        public_key = "a"
        [[applications]]
        permissions = ["codes.guess"]
        [environments.default]
        hosts = ["a b"]
    "#;
    fs::write(&file, text).expect("written");
    let check = Program::new(&["config", "check", "--config"]).argument(&file).in_folder(folder.path());
    let error = check.failure();
    for key in [
        "rest.cors_origins",
        "rest.statement_jwks",
        "rest.address_limit.per_second",
        "rest.legacy_keys[0].secret_key",
        "rest.legacy_keys[0].requestors",
        "applications[0].id",
        "applications[0].permissions",
        "environments.default.hosts",
    ] {
        assert!(error.contains(&format!("\n  {key}: ")), "{key}: {error}");
    }
    fs::write(&file, "[[applications]]\nnmae = \"a\"\n").expect("written");
    let error = Program::new(&["config", "check", "--config"]).argument(&file).failure();
    assert!(error.contains("applications[0].nmae") && error.contains("`name`"), "{error}");
}

#[tokio::test]
async fn the_signing_key_is_sealed_and_survives_a_rotation() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("ring"));
    let line = |id: &str, byte: u8| format!("{id}:{}\n", BASE64_STANDARD.encode([byte; 32]));
    let write = |text: String| fs::write(&file, text).expect("written");
    let ring = file.to_str().expect("UTF-8");

    // A store without a key ring, then with a ring, then with its next key, then with that key alone.
    let statement = printed(command(&data, &["statement", "--requestor", "REF"]));
    for text in [line("one", 1), line("two", 2) + &line("one", 1), line("two", 2)] {
        write(text);
        for arguments in [&["keys", "rotate"][..], &["statement", "--requestor", "REF"]] {
            printed(command(&data, arguments).env("PASSBRIDGE_STORE__KEY_RING", ring));
        }
    }
    let server = Program::server(&data).env("PASSBRIDGE_STORE__KEY_RING", ring).start();
    let statement_file = folder.path().join("statement");
    fs::write(&statement_file, statement).expect("written");
    let arguments = ["token", "--statement", statement_file.to_str().expect("UTF-8")];
    let token = printed(command_for(&server, &data, &arguments));
    create(&server, &token).await.json(201);
    drop(server);

    let error = Program::server(&data).failure();
    assert!(error.contains("\"two\"") && error.contains("store.key_ring"), "{error}");
    write("two".to_owned());
    let error = Program::server(&data).env("PASSBRIDGE_STORE__KEY_RING", ring).failure();
    assert!(error.contains("store.key_ring: ") && error.contains("line 1"), "{error}");
}

#[tokio::test]
async fn a_reload_grants_and_revokes_permissions_of_applications_and_key_pairs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let write = |text: &str| fs::write(&file, text).expect("written");
    let pair = "[[rest.legacy_keys]]\npublic_key = \"pair\"\nsecret_key = \"a\"\nrequestors = [\"REF\"]\n";
    write("");
    let data = folder.path().join("data");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();
    let get = |address| {
        let header =
            "GET requestor_id=REF, nonce=1, signature_method=HMAC-SHA1, request_time=1, request_uri=/";
        call(address, "GET", "/reggie/v1/REF/regcode/ABC.json")
            // The signature of this text with the key `a`.
            .header("authorization", format!("{header}, public_key=pair, signature={}", signature(header)))
            .send()
    };
    assert!(get(server.rest).await.error(401).contains("signature"));
    write(pair);
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    assert!(get(server.rest).await.error(401).contains("milliseconds"), "the pair is known now");
}

fn signature(text: &str) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"a");
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

#[test]
fn an_invalid_secret_is_reported_without_its_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    for text in [
        "[[rest.legacy_keys]]\npublic_key = \"a\"\nsecret_key = 12345678\n",
        "[[rest.legacy_keys]]\npublic_key = \"a\"\nsecret_key = \"12345678\nrequestors = []\n",
    ] {
        fs::write(&file, text).expect("written");
        let error = Program::new(&["config", "check", "--config"]).argument(&file).failure();
        assert!(!error.contains("12345678") && error.contains("is invalid"), "{error}");
    }
    let variable = "[{public_key=\"a\",secret_key=\"12345678\"";
    let error = Program::new(&["config", "check"]).env("PASSBRIDGE_REST__LEGACY_KEYS", variable).failure();
    assert!(!error.contains("12345678"), "{error}");
}

#[tokio::test]
async fn metrics_count_rest_calls_by_route_and_the_log_records_operator_actions() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let token = printed(command_for(&server, folder.path(), &["token", "--requestor", "REF"]));
    create(&server, &token).await.json(201);
    call(server.rest, "GET", "/secret-path").send().await;
    let (_, metrics) = server.page("/metrics");
    let created = "http_request_method=\"POST\",http_route=\"/reggie/v1/{requestor}/regcode.json\",\
                   http_response_status_code=\"201\"} 1";
    assert!(metrics.contains(created), "{metrics}");
    assert!(metrics.contains("http_route=\"_OTHER\"") && !metrics.contains("secret-path"), "{metrics}");
    assert!(metrics.contains("passbridge_connections_opened_total{listener=\"rest\"}"), "{metrics}");
    let line = server.wait_for_line("software statement issued");
    assert!(line.contains("REF") && !line.contains("eyJ"), "{line}");
    assert!(!line.contains("StatementCommand"), "a name of the source code: {line}");
}

#[tokio::test]
async fn idle_and_active_connections_do_not_delay_shutdown() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Program::server(folder.path()).start();
    let idle = std::net::TcpStream::connect(server.rest).expect("connects");
    call(server.rest, "GET", "/").send().await;
    assert!(server.terminate().await.success());
    drop(idle);
}

#[tokio::test]
async fn the_documented_configuration_serves_each_of_its_hosts() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = Document::read("docs/devices.md").blocks.into_iter().map(|block| block.text);
    let block =
        blocks.into_iter().find(|block| block.starts_with("[rest]")).expect("the page configures REST");
    let (secret, file) = (folder.path().join("secret"), folder.path().join("passbridge.toml"));
    fs::write(&secret, "secret").expect("written");
    let block = block.replace("/run/secrets/roku-2014", secret.to_str().expect("UTF-8"));
    fs::write(&file, block).expect("written");
    let data = folder.path().join("data");
    let server = Program::server(&data).argument("--config").argument(&file).start();
    for (environment, host) in [("default", "anything.example.com"), ("staging", "api-staging.example.com")] {
        let arguments = ["token", "--environment", environment, "--requestor", "REF", "--config"];
        let token = printed(command_for(&server, &data, &arguments).argument(&file));
        let created = call(server.rest, "POST", "/reggie/v1/REF/regcode.json?deviceId=device")
            .header("host", host)
            .header("authorization", format!("Bearer {token}"))
            .header("x-device-info", DEVICE_INFO)
            .send()
            .await;
        created.json(201);
    }
}
