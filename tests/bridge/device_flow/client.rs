//! A client in the field: what it sends with every call.

use crate::support::{
    Bridge,
    http::{Answer, Call, call},
};

/// Where the TVs are.
const TV_IP: &str = "203.0.113.77";

/// A client, and where it calls.
#[derive(Clone)]
pub struct Client<'a> {
    pub bridge: &'a Bridge,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    /// A client that sends nothing about itself but its address, which a proxy tells, and what its library says.
    pub fn new(bridge: &'a Bridge) -> Self {
        Self::at(bridge, TV_IP)
    }

    /// The same at this address.
    pub fn at(bridge: &'a Bridge, address: &str) -> Self {
        let headers =
            vec![("x-forwarded-for", address.to_owned()), ("user-agent", "okhttp/4.9.3".to_owned())];
        Self { bridge, headers }
    }

    /// The same with a header more on every call.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// A call that is about to be sent.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let call = call(self.bridge.rest(), method, path);
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// What comes back, while time passes: the provider lets a device call once a second.
    pub async fn send(&self, call: Call) -> Answer {
        self.bridge.while_time_passes(call.send()).await
    }

    /// What comes back of a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.call("GET", path)).await
    }

    /// What comes back of a DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.call("DELETE", path)).await
    }

    /// What comes back of a form.
    pub async fn post(&self, path: &str, form: impl Into<bytes::Bytes>) -> Answer {
        self.send(self.call("POST", path).form(form)).await
    }
}
