//! The provider's stand-in, which keeps the documented rules and fails when it is told to.

use std::net::SocketAddr;

use clap::Parser as _;
use serde_json::{Value, json};

use super::http::{Answer, call};

/// A running provider, which ends with the test that started it.
pub struct Provider(mock_provider::Running);

impl Provider {
    /// A provider that keeps every rule.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A provider with these arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let arguments = ["mock-provider"].iter().chain(arguments);
        let arguments = mock_provider::Arguments::try_parse_from(arguments).expect("are arguments");
        Self(mock_provider::start(arguments).expect("starts"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What it says in an answer to a test's order: any of its control API.
    pub async fn order(&self, method: &str, path: &str, body: Value) -> Answer {
        let order = call(self.address(), method, &format!("/mock/{path}"));
        let answer = order.body(body.to_string()).send().await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }

    /// Has it show this time, in milliseconds since the Unix epoch, and go on from there.
    pub async fn set_clock(&self, millis: u64) {
        let now = self.advance(0).await;
        self.advance(i64::try_from(millis).expect("fits") - i64::try_from(now).expect("fits")).await;
    }

    /// Moves its clock, and says what it shows then.
    pub async fn advance(&self, millis: i64) -> u64 {
        let answer = self.order("POST", "clock", json!({ "advance_ms": millis })).await;
        let shown: Value = serde_json::from_str(&answer.body).expect("JSON");
        shown["now_ms"].as_u64().expect("a number")
    }

    /// Has it fail, in the documented way that the fault names.
    pub async fn fault(&self, fault: Value) {
        self.order("POST", "faults", fault).await;
    }

    /// Ends all faults.
    pub async fn mend(&self) {
        self.order("DELETE", "faults", Value::Null).await;
    }

    /// Finishes the viewer's login with a code.
    pub async fn log_in(&self, code: &str, mvpd: &str) {
        self.order("POST", "login", json!({ "service_provider": "REF", "code": code, "mvpd": mvpd })).await;
    }

    /// Takes no token any more that it has issued.
    pub async fn forget_tokens(&self) {
        self.order("POST", "forget_tokens", Value::Null).await;
    }

    /// Knows no client any more.
    pub async fn forget_clients(&self) {
        self.order("POST", "forget_clients", Value::Null).await;
    }

    /// How many clients have ever registered, and how many tokens were issued.
    pub async fn issued(&self) -> (u64, u64) {
        let answer = self.order("GET", "state", Value::Null).await;
        let state: Value = serde_json::from_str(&answer.body).expect("JSON");
        let number = |key: &str| state[key].as_u64().expect("a number");
        (number("registrations"), number("tokens_issued"))
    }

    /// Every call since it was asked to forget them.
    pub async fn calls(&self) -> Vec<Value> {
        serde_json::from_str(&self.order("GET", "calls", Value::Null).await.body).expect("JSON")
    }

    /// The calls to paths that begin so.
    pub async fn calls_to(&self, path: &str) -> Vec<Value> {
        let mut calls = self.calls().await;
        calls.retain(|call| call["path"].as_str().expect("text").starts_with(path));
        calls
    }

    /// Forgets the calls so far.
    pub async fn forget_calls(&self) {
        self.order("DELETE", "calls", Value::Null).await;
    }
}
