//! gRPC callers, created and removed by an operator.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
};

use rustix::process::Signal;
use tonic::{Code, Request};

use crate::{
    client::printed,
    support::{
        caller::with_token,
        certificates::Authority,
        request::{create, watch},
        server_process::Program,
        status::refused,
    },
};

const AUTH: &str = "[grpc]\nauth = \"callers\"\n";

/// A key set with the public key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}]}"#;

/// Parses the output of `passbridge caller new`: the token and the configuration entry.
fn new_caller(name: &str, permissions: &[&str]) -> (String, String) {
    let permissions = permissions.iter().flat_map(|permission| ["--permission", permission]);
    let arguments: Vec<_> =
        ["caller", "new", "--name", name, "--requestor", "REF"].into_iter().chain(permissions).collect();
    let printed = printed(Program::new(&arguments));
    let (token, entry) = printed.split_once("\n\n").expect("a token, and an entry");
    assert!(!entry.contains(token), "{printed}");
    (token.to_owned(), format!("{entry}\n"))
}

fn write(file: &Path, entries: &[&str]) {
    fs::write(file, AUTH.to_owned() + &entries.concat()).expect("written");
}

#[tokio::test]
async fn a_reload_that_removes_a_caller_ends_its_watches() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let (token, entry) = new_caller("player", &["codes.create", "codes.read"]);
    let (_, other) = new_caller("other", &["codes.create"]);
    write(&file, &[&entry, &other]);
    let data = folder.path().join("data");
    let mut server = Program::server(&data).argument("--config").argument(&file).start();

    let created = server.codes().create_registration_code(with_token(&token, create())).await;
    let code = created.expect("creates").into_inner().registration_code.expect("has a code").code;
    let request = with_token(&token, watch(&code));
    let mut answers = server.codes().watch_registration_code(request).await.expect("watches").into_inner();
    answers.message().await.expect("answers").expect("the present state");
    let stranger = server.codes().create_registration_code(Request::new(create())).await;
    refused(stranger, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");

    // An invalid configuration changes nothing.
    write(&file, &[&other, "[[callers]]\nname = \"third\"\ntoken_hash = \"x\"\n"]);
    server.signal(Signal::HUP);
    let line = server.wait_for_line("configuration reload rejected");
    assert!(line.contains("callers[1].token_hash"), "{line}");
    server.codes().create_registration_code(with_token(&token, create())).await.expect("creates");

    write(&file, &[&other]);
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    refused(answers.message().await, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    let removed = server.codes().create_registration_code(with_token(&token, create())).await;
    refused(removed, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
}

#[test]
fn unusable_caller_entries_are_not_created() {
    let error = Program::new(&["caller", "new", "--name", "a", "--permission", "codes.write"]).failure();
    assert!(
        error.contains(
            "--permission: must be a permission, but is \"codes.write\"; the permissions are codes.create"
        ),
        "{error}"
    );
}

#[test]
fn table_entries_without_information_are_rejected() {
    let printed = printed(Program::new(&["caller", "new", "--name", "a"]));
    let keys: Vec<_> =
        printed.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    assert_eq!(keys, ["name", "token_hash", "permissions"], "{printed}");
}

/// Serves an HTML page for every request, and returns its URL.
fn web_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>",
            );
        }
    });
    url
}

#[test]
fn unreadable_issuer_keys_are_logged_and_reported_by_the_doctor() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data, url) = (folder.path().join("passbridge.toml"), folder.path().join("data"), web_page());
    let issuer =
        format!("[[grpc.jwt]]\nissuer = \"https://id\"\naudience = \"passbridge\"\njwks = \"{url}\"\n");
    let entry = "[[callers]]\nname = \"a\"\njwt = { issuer = \"https://id\", subject = \"a\" }\n";
    write(&file, &[&issuer, entry]);
    let wrong = format!("the response of {url} is not a JWK Set");
    let doctor = || {
        let doctor = Program::new(&["doctor", "--config"]).argument(&file);
        let output = doctor.env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8")).output();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("UTF-8"))
    };
    // First without a server, then with the running one.
    for runs in [false, true] {
        let server = runs.then(|| {
            let mut server = Program::server(&data).argument("--config").argument(&file).start();
            // Retries continue, so the line follows every other one.
            let line = server.wait_for_line("cannot read the keys of an issuer");
            assert!(line.contains("\"issuer\":\"https://id\"") && line.contains(&wrong), "{line}");
            server
        });
        let (works, said) = doctor();
        assert!(!works && said.contains(&format!("FAILED issuer      https://id: {wrong}")), "{said}");
        for part in [
            "calls with its tokens fail with UNAVAILABLE",
            "jwks_token_file",
            "entries: 1 (0 by certificate, 1 by JWT",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        drop(server);
    }
}

#[test]
fn the_doctor_reports_problems_of_callers_and_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("passbridge.toml"), folder.path().join("data"));
    let doctor = |text: &str| {
        fs::write(&file, text).expect("written");
        let doctor = Program::new(&["doctor", "--config"]).argument(&file);
        printed(doctor.env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8")))
    };
    let said = doctor("");
    for part in ["authentication is off", "off: plain text"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = doctor(AUTH);
    assert!(
        said.contains("warn   callers     no callers are configured")
            && said.contains("passbridge caller new"),
        "{said}"
    );

    let authority = Authority::named("ours");
    authority.server().written_to(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("ca.pem"), &authority.certificate).expect("written");
    fs::write(path("keys.json"), KEYS).expect("written");
    let said = doctor(&format!(
        "{AUTH}tls = {{ certificate = {:?}, key = {:?}, client_ca = {:?}, client_certificate = \"required\" }}\n\
         [[grpc.jwt]]\nissuer = \"https://id\"\naudience = \"a\"\njwks = {:?}\n\
         [[callers]]\nname = \"a\"\nsan = \"a.example.com\"\n\
         [rest]\ntls.mode = \"terminated_elsewhere\"\n",
        path("tls.crt"),
        path("tls.key"),
        path("ca.pem"),
        path("keys.json"),
    ));
    for part in [
        "ok     callers     entries: 1 (1 by certificate",
        "ok     tls         certificate valid, expiry 4096-01-01T00:00:00Z; client certificates are required",
        "warn   issuer      https://id: no configured caller uses its tokens",
        "ok     tls         terminated by a proxy",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
