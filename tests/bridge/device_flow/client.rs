//! A client in the field, with the headers that it sends in every call.

use crate::support::{
    Bridge,
    http::{Answer, Call, call},
};

/// The address of the TVs.
const TV_IP: &str = "203.0.113.77";

/// A client, and the server that it calls.
#[derive(Clone)]
pub struct Client<'a> {
    pub bridge: &'a Bridge,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    /// A client that sends only its address, through a proxy, and its library's User-Agent.
    pub fn new(bridge: &'a Bridge) -> Self {
        Self::at(bridge, TV_IP)
    }

    /// The same client with this address.
    pub fn at(bridge: &'a Bridge, address: &str) -> Self {
        let headers =
            vec![("x-forwarded-for", address.to_owned()), ("user-agent", "okhttp/4.9.3".to_owned())];
        Self { bridge, headers }
    }

    /// The same client with one more header in every call.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same client without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// A prepared call.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let call = call(self.bridge.rest(), method, path);
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// Sends a call while time passes, because the provider allows a device one call per second.
    pub async fn send(&self, call: Call) -> Answer {
        self.bridge.while_time_passes(call.send()).await
    }

    /// The response to a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.call("GET", path)).await
    }

    /// The response to a DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.call("DELETE", path)).await
    }

    /// The response to a POST of a form.
    pub async fn post(&self, path: &str, form: impl Into<bytes::Bytes>) -> Answer {
        self.send(self.call("POST", path).form(form)).await
    }
}
