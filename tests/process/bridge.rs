//! The bridge as operators run it: kills, `doctor`, `explain`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use passbridge::proto::v1::CreateRegistrationCodeRequest;
use rustix::process::Signal;
use serde_json::json;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    provider::Provider,
    request,
    server_process::{Program, ServerProcess},
};

/// Writes a configuration file and a statement for a provider.
fn configuration(folder: &Path, url: &str, backend: &str) -> PathBuf {
    let statement = folder.join("statement");
    std::fs::write(&statement, "the operator's statement").expect("writes");
    let file = folder.join("passbridge.toml");
    let text = format!(
        "[environments.default]\nbackend = \"{backend}\"\nurl = \"{url}\"\nsoftware_statement_file = \"{}\"\n",
        statement.display()
    );
    std::fs::write(&file, text).expect("writes");
    file
}

fn serve(folder: &Path, configuration: &Path) -> Program {
    Program::server(&folder.join("data")).argument("--config").argument(configuration)
}

async fn created(server: &ServerProcess) -> String {
    let request = CreateRegistrationCodeRequest { device_ip: "203.0.113.7".to_owned(), ..request::create() };
    let answer = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    answer.registration_code.expect("is there").code
}

#[tokio::test]
async fn a_killed_server_reuses_its_credentials_and_registers_nothing() {
    for backend in ["v1", "v2"] {
        let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
        let configuration = configuration(folder.path(), &provider.url(), backend);
        let mut server = serve(folder.path(), &configuration).start();
        created(&server).await;
        server.kill();
        let server = serve(folder.path(), &configuration).start();
        created(&server).await;
        assert_eq!(provider.issued().await, (1, 1), "{backend}: not even a token was needed");
    }
}

#[tokio::test]
async fn a_server_killed_while_it_renews_does_not_wait_for_itself() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let configuration = configuration(folder.path(), &provider.url(), "v2");
    let mut server = serve(folder.path(), &configuration).start();
    provider.fault(json!({ "path": "/o/client/token", "times": 1, "hang": {} })).await;
    let request = CreateRegistrationCodeRequest { device_ip: "203.0.113.7".to_owned(), ..request::create() };
    let mut codes = server.codes();
    let call = tokio::spawn(async move { codes.create_registration_code(request).await });
    while provider.calls_to("/o/client/token").await.is_empty() {
        tokio::task::yield_now().await;
    }
    server.kill();
    let _ = call.await;
    let server = serve(folder.path(), &configuration).start();
    created(&server).await;
    assert_eq!(provider.issued().await, (1, 1));
}

#[tokio::test]
async fn loopback_calls_ignore_proxy_environment_variables() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let configuration = configuration(folder.path(), &provider.url(), "v2");
    let server = serve(folder.path(), &configuration)
        .env("PASSBRIDGE_ENVIRONMENTS__DEFAULT__PASSTHROUGH", &provider.url())
        // No process listens on the discard port.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env("NO_PROXY", "")
        .env("no_proxy", "")
        .start();
    created(&server).await;
    reqwest::get(format!("http://{}/elsewhere", server.rest)).await.expect("answers");
    assert_eq!(provider.calls_to("/elsewhere").await.len(), 1);
}

#[tokio::test]
async fn logs_at_every_level_contain_no_secret() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let configuration = configuration(folder.path(), &provider.url(), "v1");
    let mut server = serve(folder.path(), &configuration).env("PASSBRIDGE_LOG__FILTER", "trace").start();
    created(&server).await;
    provider.forget_tokens().await;
    created(&server).await;
    provider.fault(json!({ "path": "/reggie/", "close": {} })).await;
    let request = CreateRegistrationCodeRequest { device_ip: "203.0.113.8".to_owned(), ..request::create() };
    server.codes().create_registration_code(request).await.expect_err("fails");
    let calls = provider.calls().await;
    server.kill();
    let log = server.rest_of_log();
    let secrets = calls.iter().flat_map(|call| {
        let bearer = call["headers"]["authorization"]
            .as_str()
            .map(|text| text.trim_start_matches("Bearer ").to_owned());
        let form = call["body"].as_str().unwrap_or_default();
        let secret = form.split('&').find_map(|pair| pair.strip_prefix("client_secret=")).map(str::to_owned);
        bearer.into_iter().chain(secret)
    });
    let secrets: Vec<_> = secrets.chain(["the operator's statement".to_owned()]).collect();
    assert!(secrets.len() >= 5, "tokens, secrets and the statement");
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds a secret");
    }
}

fn doctor(folder: &Path, configuration: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Program::new(&["doctor"])
        .argument("--config")
        .argument(configuration)
        .env("PASSBRIDGE_STORE__PATH", folder.join("data").to_str().expect("UTF-8"))
        .arguments(arguments)
        .output();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("UTF-8"))
}

#[tokio::test]
async fn the_doctor_checks_an_environment_step_by_step() {
    for backend in ["v1", "v2"] {
        let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
        let configuration = configuration(folder.path(), &provider.url(), backend);
        // First without a server: the command opens the data folder itself.
        let (works, said) = doctor(folder.path(), &configuration, &[]);
        assert!(works, "{said}");
        let server = serve(folder.path(), &configuration).start();
        let (works, said) = doctor(folder.path(), &configuration, &["--create", "REF"]);
        assert!(works, "{said}");
        let mut rest = said.as_str();
        let login: &[&str] =
            if backend == "v2" { &["operators", "domain", "login", "redirect"] } else { &[] };
        let before = ["name", "connection", "tls", "clock", "credentials", "token", "reset", "create"];
        for step in before.iter().chain(login).chain(&["delete"]) {
            let (_, after) = rest.split_once(step).unwrap_or_else(|| panic!("{step} in {said}"));
            rest = after;
        }
        assert!(!said.contains("FAILED") && said.contains("registered before"), "{said}");
        assert!(said.contains("127.0.0.1 resolves to 127.0.0.1"), "an entry in the hosts file shows: {said}");
        assert_eq!(provider.issued().await.0, 1, "both have the same credentials");
        let resets = provider.calls_to("/reset-tempass/").await;
        assert!(resets.iter().all(|call| call["method"] == "GET"), "it resets nothing");
        drop(server);
    }
}

#[tokio::test]
async fn the_doctor_reports_the_fault_and_the_remedy() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let configuration_of = |url: &str| configuration(folder.path(), url, "v2");

    let (works, said) = doctor(folder.path(), &configuration_of("http://no-such-host.invalid"), &[]);
    assert!(!works && said.contains("FAILED name"), "{said}");
    let (works, said) = doctor(folder.path(), &configuration_of("http://127.0.0.1:9"), &[]);
    assert!(!works && said.contains("FAILED connection") && said.contains("firewall"), "{said}");
    let over_tls = format!("https://{}", provider.address());
    let (works, said) = doctor(folder.path(), &configuration_of(&over_tls), &[]);
    assert!(!works && said.contains("FAILED tls"), "{said}");

    provider.advance(-600_000).await;
    let (works, said) = doctor(folder.path(), &configuration_of(&provider.url()), &[]);
    assert!(works && said.contains("warn   clock") && said.contains("NTP"), "{said}");

    let refused = json!({
        "path": "/o/client/token",
        "status": { "status": 400, "content_type": "application/json", "body": "{\"error\":\"invalid_client\"}" },
    });
    provider.fault(refused).await;
    provider.forget_tokens().await;
    std::fs::remove_dir_all(folder.path().join("data")).expect("removes");
    let (works, said) = doctor(folder.path(), &configuration_of(&provider.url()), &[]);
    assert!(!works && said.contains("FAILED token") && said.contains("code invalid_client"), "{said}");
    assert!(said.contains("software_statement_file"), "a remedy: {said}");
}

#[tokio::test]
async fn the_doctor_reports_the_steps_of_a_login() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let file = configuration(folder.path(), &provider.url(), "v2");
    let configure = |requestor: &str| {
        let usual = configuration(folder.path(), &provider.url(), "v2");
        let text = std::fs::read_to_string(usual).expect("reads");
        std::fs::write(&file, format!("{text}\n[environments.default.requestors.REF]\n{requestor}\n"))
            .expect("writes");
    };
    let examine = || doctor(folder.path(), &file, &["--create", "REF"]);

    configure("domain_name = \"example.com\"");
    let (works, said) = examine();
    assert!(
        works && said.contains("example.com is registered") && said.contains("redirected to 127.0.0.1"),
        "{said}"
    );
    let looks = provider.calls_to("/api/v2/authenticate/").await;
    assert!(
        looks.len() == 1 && looks[0]["headers"].get("authorization").is_none(),
        "as a browser does: {looks:?}"
    );

    provider.control("POST", "settings", json!({ "accepts_any_domain": true })).await;
    configure("domain_name = \"nowhere.example\"");
    let (works, said) = examine();
    assert!(works && said.contains("warn   domain") && said.contains("nowhere.example"), "{said}");
    provider.control("POST", "settings", json!({ "accepts_any_domain": false })).await;
    let (works, said) = examine();
    assert!(!works && said.contains("FAILED login"), "{said}");

    configure("");
    let page = json!({ "status": 500, "content_type": "text/html", "body": "<html></html>" });
    provider.fault(json!({ "path": "/api/v2/authenticate/", "status": page })).await;
    let (works, said) = examine();
    assert!(!works && said.contains("FAILED redirect") && said.contains("status 500"), "{said}");
    provider.clear_faults().await;
    let none = json!({ "path": "/api/v2/REF/configuration", "merge": { "requestor": { "mvpds": [] } } });
    provider.fault(none).await;
    let (works, said) = examine();
    assert!(!works && said.contains("FAILED operators") && said.contains("integrate"), "{said}");
}

fn explain(arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passbridge"));
    command
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("writes");
    let output = child.wait_with_output().expect("runs");
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"))
}

#[test]
fn every_row_of_the_documented_table_is_explained() {
    // The caller's symptom, and words of each documented cause.
    let rows: [(&str, &[&str]); 5] = [
        ("401", &["no Authorization header", "in seconds"]),
        (
            "400 during authentication",
            &["does not know the code", "cross-site scripting", "hosts file has no entry"],
        ),
        ("400 bad request", &["URL of the call is wrong", "SAML assertion"]),
        ("403", &["called too fast", "hosts file has no entry", "hosts file still has an entry"]),
        (
            "cannot log in on the MVPD page",
            &["password do not match", "disabled the login", "production and staging"],
        ),
    ];
    for (symptom, causes) in rows {
        let (found, said) = explain(&[symptom], "");
        assert!(found, "{said}");
        for cause in causes {
            assert!(said.contains(cause), "{symptom}: {cause} in {said}");
        }
    }
}

#[test]
fn explain_accepts_codes_reasons_log_lines_and_responses() {
    for (argument, input, expected) in [
        ("invalid_parameter_mvpd", "", "does not know the requestor"),
        ("UPSTREAM_CREDENTIALS_REFUSED", "", "software statement"),
        ("LOOKUP_BUDGET_EXHAUSTED", "", "viewer_ip"),
        (r#"{"level":"WARN","fields":{"status":429}}"#, "", "too fast"),
        ("-", "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>", "too fast"),
        (
            "-",
            "HTTP/1.1 400 Bad Request\r\n\r\n{\"code\":\"invalid_header_device_info\"}",
            "DecodeDeviceInfo",
        ),
    ] {
        let (found, said) = explain(&[argument], input);
        assert!(found && said.contains(expected), "{argument} {input}: {said}");
    }
    let (found, said) = explain(&["nonsense"], "");
    assert!(!found && said.contains("symptom not recognized"), "{said}");
}

#[test]
fn every_documented_provider_code_is_explained() {
    let mut codes: Vec<_> = include_str!("provider_codes.txt").lines().map(str::to_owned).collect();
    assert!(codes.len() >= 60);
    match std::env::var_os("PROVIDER_OPENAPI").filter(|folder| !folder.is_empty()) {
        Some(folder) => codes.extend(codes_of(&Path::new(&folder).join("restApiV2.json"))),
        None => {
            println!("SKIPPED: PROVIDER_OPENAPI is not set, so only the codes of our own list are asked for")
        }
    }
    for code in codes {
        let (found, said) = explain(&[&code], "");
        assert!(found && said.contains("  1. "), "{code}: {said}");
    }
}

#[test]
fn the_migration_page_lists_every_documented_provider_code() {
    let page = include_str!("../../docs/moving-tvs.md");
    for code in include_str!("provider_codes.txt").lines() {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

/// Returns every error code in the provider's file: the values of each enumeration that contains the best-known code.
fn codes_of(file: &Path) -> Vec<String> {
    fn collect(value: &serde_json::Value, codes: &mut Vec<String>) {
        if let Some(named) = value.get("enum").and_then(serde_json::Value::as_array)
            && named.iter().any(|code| code == "internal_server_error")
        {
            codes.extend(named.iter().filter_map(|code| code.as_str().map(str::to_owned)));
        }
        match value {
            serde_json::Value::Object(members) => members.values().for_each(|value| collect(value, codes)),
            serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, codes)),
            _ => {}
        }
    }
    let text = std::fs::read_to_string(file).expect("PROVIDER_OPENAPI has the provider's files");
    let mut codes = Vec::new();
    collect(&serde_json::from_str(&text).expect("JSON"), &mut codes);
    assert!(codes.len() >= 18, "{codes:?}");
    codes
}

#[test]
fn an_error_names_the_missing_parameter() {
    let response =
        "HTTP/1.1 400 Bad Request\r\n\r\n{\"status\":400,\"message\":\"Required 'deviceId' is not present\"}";
    let (found, said) = explain(&["-"], response);
    assert!(found && said.contains("has no deviceId") && said.contains("dummy"), "{said}");
}

#[tokio::test]
async fn calls_to_the_provider_are_counted() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let server = serve(folder.path(), &configuration(folder.path(), &provider.url(), "v1")).start();
    created(&server).await;
    let (_, page) = server.page("/metrics");
    let label =
        "http_client_request_duration_seconds_count{environment=\"default\",http_request_method=\"POST\",";
    let line = page
        .lines()
        .find(|line| line.starts_with(label) && line.contains("http_response_status_code=\"201\""));
    // A registration, a token, and the two creates for a device without an id.
    assert!(line.is_some_and(|line| line.ends_with(" 4")), "{page}");
}

#[tokio::test]
async fn a_reload_moves_an_environment_to_v2_and_keeps_its_credentials_and_codes() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let mut server = serve(folder.path(), &configuration(folder.path(), &provider.url(), "v1")).start();
    let first = created(&server).await;
    configuration(folder.path(), &provider.url(), "v2");
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    created(&server).await;
    assert_eq!(provider.calls_to("/api/v2/REF/sessions").await.len(), 1);
    server.codes().get_registration_code(request::get(&first)).await.expect("its issuer is asked");
    let reads = provider.calls_to("/reggie/v1/REF/regcode/").await;
    assert_eq!(reads.iter().filter(|call| call["method"] == "GET").count(), 1);
    assert_eq!(provider.issued().await, (1, 1), "they are the same ones");
}

#[tokio::test]
async fn a_reload_changes_the_passthrough_origin_and_an_invalid_one_does_not() {
    let (before, after) = (Provider::start(), Provider::start());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("writes");
    let environment = |origin: &str| format!("[environments.default]\npassthrough = \"{origin}\"\n");
    write(&environment(&before.url()));
    let mut server = serve(folder.path(), &file).start();
    let url = format!("http://{}/elsewhere", server.rest);
    let ask = async || reqwest::get(&url).await.expect("answers").status();
    ask().await;
    assert_eq!(before.calls_to("/elsewhere").await.len(), 1);

    write(&format!("[rest]\npassthrough = \"{}\"\n", after.url()));
    server.signal(Signal::HUP);
    server.wait_for_line("rest.passthrough: has moved; set `environments.NAME.passthrough` instead");
    ask().await;
    assert_eq!(before.calls_to("/elsewhere").await.len(), 2);

    write(&environment(&after.url()));
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    ask().await;
    assert_eq!((before.calls_to("/elsewhere").await.len(), after.calls_to("/elsewhere").await.len()), (2, 1));

    write("[environments.default]\n");
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    assert_eq!(ask().await, 404);
}

#[tokio::test]
async fn an_open_watch_follows_its_environment_to_the_reloaded_upstream() {
    let (before, after) = (Provider::start(), Provider::start());
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = serve(folder.path(), &configuration(folder.path(), &before.url(), "v1")).start();
    let code = created(&server).await;
    let watched = server.codes().watch_registration_code(request::watch(&code)).await;
    let mut stream = watched.expect("watches").into_inner();
    stream.message().await.expect("goes on").expect("a message");
    configuration(folder.path(), &after.url(), "v1");
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    while after.calls_to("/reggie/v1/REF/regcode/").await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reload_removes_and_restores_the_upstream_health_of_an_environment() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let file = configuration(folder.path(), &provider.url(), "v2");
    let with_upstream = std::fs::read_to_string(&file).expect("readable");
    let server = serve(folder.path(), &file).start();
    let mut health = HealthClient::new(server.channel());
    let request = HealthCheckRequest { service: "upstream/default".to_owned() };
    let mut watch = health.watch(request.clone()).await.expect("watches").into_inner();
    let mut next = async || watch.message().await.expect("stays open").expect("a status").status();
    assert_eq!(next().await, ServingStatus::Serving);

    std::fs::write(&file, "[environments.other]\n").expect("writes");
    server.signal(Signal::HUP);
    assert_eq!(next().await, ServingStatus::ServiceUnknown);
    let status = health.check(request.clone()).await.expect_err("is unknown");
    assert_eq!(status.code(), tonic::Code::NotFound);

    std::fs::write(&file, with_upstream).expect("writes");
    server.signal(Signal::HUP);
    assert_eq!(next().await, ServingStatus::Serving);
    health.check(request).await.expect("is known again");
}
