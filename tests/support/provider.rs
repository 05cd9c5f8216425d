//! The mock provider, which enforces the documented rules and fails on demand.

use std::net::SocketAddr;

use clap::Parser as _;
use serde_json::{Value, json};

use super::http::{Answer, call};

/// A running mock provider. It stops with the test.
pub struct Provider(mock_provider::Running);

impl Provider {
    /// Starts a provider that enforces every rule.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a provider with these arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let arguments = ["mock-provider"].iter().chain(arguments);
        let arguments = mock_provider::Arguments::try_parse_from(arguments).expect("are arguments");
        Self(mock_provider::start(arguments).expect("starts"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The provider's origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Sends a request to the provider's control API and returns the response.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = call(self.address(), method, &format!("/mock/{path}"));
        let answer = request.body(body.to_string()).send().await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }

    /// Sets the provider's clock, in milliseconds since the Unix epoch. The clock runs on from there.
    pub async fn set_clock(&self, millis: u64) {
        let now = self.advance(0).await;
        self.advance(i64::try_from(millis).expect("fits") - i64::try_from(now).expect("fits")).await;
    }

    /// Advances the provider's clock and returns the new time.
    pub async fn advance(&self, millis: i64) -> u64 {
        let answer = self.control("POST", "clock", json!({ "advance_ms": millis })).await;
        let shown: Value = serde_json::from_str(&answer.body).expect("JSON");
        shown["now_ms"].as_u64().expect("a number")
    }

    /// Injects the named fault.
    pub async fn fault(&self, fault: Value) {
        self.control("POST", "faults", fault).await;
    }

    /// Removes all faults.
    pub async fn clear_faults(&self) {
        self.control("DELETE", "faults", Value::Null).await;
    }

    /// Completes the viewer's login with a code.
    pub async fn log_in(&self, code: &str, mvpd: &str) {
        self.control("POST", "login", json!({ "service_provider": "REF", "code": code, "mvpd": mvpd })).await;
    }

    /// Revokes all issued tokens.
    pub async fn forget_tokens(&self) {
        self.control("POST", "forget_tokens", Value::Null).await;
    }

    /// Deletes all registered clients.
    pub async fn forget_clients(&self) {
        self.control("POST", "forget_clients", Value::Null).await;
    }

    /// Returns the total number of registrations and of issued tokens.
    pub async fn issued(&self) -> (u64, u64) {
        let answer = self.control("GET", "state", Value::Null).await;
        let state: Value = serde_json::from_str(&answer.body).expect("JSON");
        let number = |key: &str| state[key].as_u64().expect("a number");
        (number("registrations"), number("tokens_issued"))
    }

    /// Returns every call since the last [`Self::forget_calls`].
    pub async fn calls(&self) -> Vec<Value> {
        serde_json::from_str(&self.control("GET", "calls", Value::Null).await.body).expect("JSON")
    }

    /// Returns the calls to paths with this prefix.
    pub async fn calls_to(&self, path: &str) -> Vec<Value> {
        let mut calls = self.calls().await;
        calls.retain(|call| call["path"].as_str().expect("text").starts_with(path));
        calls
    }

    /// Clears the recorded calls.
    pub async fn forget_calls(&self) {
        self.control("DELETE", "calls", Value::Null).await;
    }
}
