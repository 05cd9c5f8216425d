//! A server that is killed during a login or an authorization. The device cannot connect until the server is back, and then
//! continues with the same code and login.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    http::{Answer, call},
    provider::Provider,
    server_process::{Program, ServerProcess, until},
};

const DEVICE: &str = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&format=json";
const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";

/// A server over this provider's version 2.
fn serve(folder: &Path, provider: &Provider) -> ServerProcess {
    let file = folder.join("passbridge.toml");
    if !file.exists() {
        std::fs::write(folder.join("statement"), "the operator's statement").expect("writes");
        let text = format!(
            "[environments.default]\nbackend = \"v2\"\nregistration = \"own\"\nurl = \"{}\"\n\
             software_statement_file = \"{}\"\n",
            provider.url(),
            folder.join("statement").display()
        );
        std::fs::write(&file, text).expect("writes");
    }
    Program::server(&folder.join("data")).argument("--config").argument(&file).start()
}

/// Mints a device's token with the operator's command.
fn token(folder: &Path, server: &ServerProcess) -> String {
    let output = Program::new(&["token", "--requestor", "REF", "--url", &format!("http://{}", server.rest)])
        .argument("--config")
        .argument(folder.join("passbridge.toml"))
        .env("PASSBRIDGE_STORE__PATH", folder.join("data").to_str().expect("UTF-8"))
        .output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// A TV with the server's address and its token.
struct Tv<'a> {
    server: &'a ServerProcess,
    token: &'a str,
}

impl Tv<'_> {
    async fn send(&self, method: &str, path: &str) -> Answer {
        let call =
            call(self.server.rest, method, path).header("authorization", format!("Bearer {}", self.token));
        call.header("x-device-info", DEVICE_INFO).send().await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path).await
    }

    /// The connection is refused. There is no response that a device could mistake for a failed login.
    async fn cannot_connect(&self) {
        let connected = tokio::net::TcpStream::connect(self.server.rest).await;
        assert!(connected.is_err(), "a server listens on the port");
    }
}

#[track_caller]
fn json_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// Creates a code whose viewer was redirected to the operator.
async fn started(tv: &Tv<'_>) -> String {
    let created = tv.send("POST", &format!("/reggie/v1/REF/regcode?{DEVICE}")).await;
    let code = json_of(&created, 201)["code"].as_str().expect("a code").to_owned();
    let path = format!(
        "/api/v1/authenticate?reg_code={code}&requestor_id=REF&mso_id=Cablevision&domain_name=adobe.com\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
    );
    let sent = call(tv.server.rest, "GET", &path).send().await;
    assert_eq!(sent.status, 302, "{sent:?}");
    code
}

#[tokio::test]
async fn a_login_in_progress_survives_a_kill_with_the_same_code() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let mut server = serve(folder.path(), &provider);
    let token = token(folder.path(), &server);
    let code = started(&Tv { server: &server, token: &token }).await;
    server.kill();
    Tv { server: &server, token: &token }.cannot_connect().await;
    // The operator is not affected.
    provider.log_in(&code, "Cablevision").await;

    let server = serve(folder.path(), &provider);
    let tv = Tv { server: &server, token: &token };
    let page = call(server.rest, "GET", &format!("/api/v1/checkauthn/{code}?requestor=REF&format=json"));
    json_of(&page.send().await, 200);
    json_of(&tv.get(&format!("/api/v1/authenticate/{code}?requestor=REF&format=json")).await, 200);
    let login = json_of(&tv.get(&format!("/api/v1/tokens/authn?{DEVICE}")).await, 200);
    assert_eq!(login["mvpd"], "Cablevision");
    json_of(&tv.get(&format!("/api/v1/authorize?{DEVICE}&resource=news")).await, 200);
    let sessions = provider.calls_to("/api/v2/REF/sessions").await;
    let made = sessions.iter().filter(|call| call["path"] == "/api/v2/REF/sessions").count();
    assert_eq!((made, provider.issued().await.0), (1, 1), "no other code, no other registration");
}

#[tokio::test]
async fn a_login_and_its_decisions_survive_a_kill_during_an_authorization() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let mut server = serve(folder.path(), &provider);
    let token = token(folder.path(), &server);
    let tv = Tv { server: &server, token: &token };
    let code = started(&tv).await;
    provider.log_in(&code, "Cablevision").await;
    json_of(&tv.get(&format!("/api/v1/authenticate/{code}?requestor=REF&format=json")).await, 200);
    let permitted = json_of(&tv.get(&format!("/api/v1/authorize?{DEVICE}&resource=news")).await, 200);

    // The operator delays the next decision, and the server is killed before it arrives.
    provider.fault(json!({ "path": "/api/v2/REF/decisions/", "times": 1, "hang": {} })).await;
    provider.forget_calls().await;
    let address = server.rest;
    let authorization = format!("Bearer {token}");
    let waiting = tokio::spawn(async move {
        let path = format!("/api/v1/authorize?{DEVICE}&resource=films");
        let stream = tokio::net::TcpStream::connect(address).await.expect("connects");
        call(address, "GET", &path).header("authorization", authorization).send_over(stream).await
    });
    until("the operator is asked", async || !provider.calls_to("/api/v2/REF/decisions/").await.is_empty())
        .await;
    server.kill();
    waiting.await.expect("ends").expect_err("the connection breaks without a response");
    Tv { server: &server, token: &token }.cannot_connect().await;

    let server = serve(folder.path(), &provider);
    let tv = Tv { server: &server, token: &token };
    json_of(&tv.get(&format!("/api/v1/checkauthn?{DEVICE}")).await, 200);
    let kept = json_of(&tv.get(&format!("/api/v1/tokens/authz?{DEVICE}&resource=news")).await, 200);
    assert_eq!(kept, permitted, "the acknowledged decision is stored");
    let none = json_of(&tv.get(&format!("/api/v1/tokens/authz?{DEVICE}&resource=films")).await, 404);
    assert_eq!(none["status"], 404, "the unacknowledged decision is not stored");
    json_of(&tv.get(&format!("/api/v1/authorize?{DEVICE}&resource=films")).await, 200);
    let mut tokens = std::collections::BTreeSet::new();
    for resource in ["news", "films", "news"] {
        let media =
            json_of(&tv.get(&format!("/api/v1/tokens/media?{DEVICE}&resource={resource}")).await, 200);
        assert!(
            tokens.insert(media["serializedToken"].as_str().expect("text").to_owned()),
            "each token is for one use"
        );
    }
    assert_eq!(provider.issued().await.0, 1, "no new registration");
}
