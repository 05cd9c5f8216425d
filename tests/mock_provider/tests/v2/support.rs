//! Shared parts of these tests.

use std::net::SocketAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser as _;
use serde_json::{Value, json};

#[allow(dead_code, reason = "shared with other tests that use more of it")]
#[path = "../../../support/http.rs"]
pub mod http;
#[path = "../../../support/prism.rs"]
pub mod prism;

use self::http::{Answer, Call};

pub const TV_ADDRESS: &str = "203.0.113.7";

/// A running mock provider and a client of it.
pub struct Provider {
    running: mock_provider::Running,
    pub token: String,
    /// The address of calls: the provider, or a proxy in front of it.
    pub address: SocketAddr,
}

impl Provider {
    /// Starts a provider without a rate limit.
    pub async fn start() -> Self {
        Self::with(&["--throttle", "off"]).await
    }

    /// Starts a provider with these arguments.
    pub async fn with(arguments: &[&str]) -> Self {
        let arguments = ["mock-provider"].iter().chain(arguments);
        let arguments = mock_provider::Arguments::try_parse_from(arguments).expect("valid arguments");
        let running = mock_provider::start(arguments).expect("starts");
        let address = running.address();
        let mut provider = Self { running, token: String::new(), address };
        provider.token = provider.register("a.statement").await;
        provider
    }

    /// Registers a client and gets an access token.
    pub async fn register(&self, statement: &str) -> String {
        let body = json!({ "software_statement": statement }).to_string();
        let client = http::call(self.address, "POST", "/o/client/register").body(body).send().await;
        let client = client.json(201);
        let text = |key: &str| client[key].as_str().expect("text").to_owned();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            text("client_id"),
            text("client_secret")
        );
        let token = http::call(self.address, "POST", "/o/client/token").form(form).send().await.json(201);
        token["access_token"].as_str().expect("text").to_owned()
    }

    /// The provider's own address, without a proxy.
    pub fn origin(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// The response to a control call.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let call = http::call(self.running.address(), method, &format!("/mock/{path}"));
        let answer = call.body(body.to_string()).send().await;
        assert!(answer.status.is_success(), "{answer:?}");
        if answer.body.is_empty() { Value::Null } else { serde_json::from_str(&answer.body).expect("JSON") }
    }

    /// Advances its clock.
    pub async fn advance(&self, milliseconds: i64) {
        self.control("POST", "clock", json!({ "advance_ms": milliseconds })).await;
    }

    /// A call with the client's token.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let call = http::call(self.address, method, path).header("authorization", self.bearer());
        call.header("x-forwarded-for", TV_ADDRESS)
    }

    /// A call about a device, with device information.
    pub fn of(&self, device: &str, method: &str, path: &str) -> Call {
        of_device(self.call(method, path), device)
    }

    pub async fn profiles(&self, device: &str, path: &str) -> Value {
        let answer = self.of(device, "GET", &format!("/api/v2/REF/profiles{path}")).send().await;
        ok(&answer)["profiles"].clone()
    }

    /// A session of the device with these parameters.
    pub async fn session(&self, device: &str, form: &str) -> Value {
        let call = self.of(device, "POST", "/api/v2/REF/sessions").form(form.to_owned());
        ok(&call.send().await)
    }

    /// Starts a complete session and returns its code.
    pub async fn code(&self, device: &str, mvpd: &str) -> String {
        let session = self.session(device, &complete(mvpd)).await;
        session["code"].as_str().expect("a code").to_owned()
    }

    /// Logs the device's viewer in without a browser.
    pub async fn log_in(&self, device: &str, mvpd: &str) {
        let code = self.code(device, mvpd).await;
        self.control("POST", "login", json!({ "service_provider": "REF", "code": code, "mvpd": mvpd })).await;
    }

    pub async fn decide(&self, device: &str, question: &str, mvpd: &str, resources: &[&str]) -> Vec<Value> {
        let answer = self.decision_call(device, question, mvpd, resources).send().await;
        ok(&answer)["decisions"].as_array().expect("a list").clone()
    }

    /// The same call before it is sent.
    pub fn decision_call(&self, device: &str, question: &str, mvpd: &str, resources: &[&str]) -> Call {
        let call = self.of(device, "POST", &format!("/api/v2/REF/decisions/{question}/{mvpd}"));
        let call = call.header("content-type", "application/json");
        call.body(json!({ "resources": resources }).to_string())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// The same call about a device, with device information.
pub fn of_device(call: Call, device: &str) -> Call {
    let info = json!({ "model": "AFTMM", "osName": "Android", "primaryHardwareType": "SetTopBox" });
    let call = call.header("ap-device-identifier", fingerprint(device));
    call.header("x-device-info", BASE64_STANDARD.encode(info.to_string()))
}

/// The header that identifies a device.
pub fn fingerprint(device: &str) -> String {
    format!("fingerprint {}", BASE64_STANDARD.encode(device))
}

/// Base64 of JSON, as several headers have it.
pub fn encoded(value: &Value) -> String {
    BASE64_STANDARD.encode(value.to_string())
}

/// All parameters that a session requires.
pub fn complete(mvpd: &str) -> String {
    format!("mvpd={mvpd}&domainName=example.com&redirectUrl=https%3A%2F%2Fexample.com%2Fdone%3Fa%3Db")
}

/// The redirect URL of such a session.
pub const DONE: &str = "https://example.com/done?a=b";

/// The body of a successful response.
#[track_caller]
pub fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    body(answer)
}

/// The error code of a response.
#[track_caller]
pub fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = body(answer);
    for name in ["action", "message", "helpUrl", "trace"] {
        assert!(error[name].is_string(), "{name}: {error}");
    }
    assert!(error["status"].is_u64(), "{error}");
    error["code"].as_str().expect("a code").to_owned()
}

#[track_caller]
fn body(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8", "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}
