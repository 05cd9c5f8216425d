//! Configured gRPC callers, and calls with their tokens.

use passbridge::config::{Auth, CallerEntry, Config};
use sha2::{Digest, Sha256};
use tonic::Request;

/// A caller with the token [`token_of`] its name, for every requestor and environment.
pub fn caller(name: &str, permissions: &[&str]) -> CallerEntry {
    CallerEntry {
        name: name.to_owned(),
        token_hash: Some(hash(&token_of(name))),
        permissions: permissions.iter().map(|&permission| permission.to_owned()).collect(),
        ..CallerEntry::default()
    }
}

/// A caller that is identified by this name in its certificate.
#[allow(dead_code, reason = "not every binary has certificates of callers")]
pub fn by_san(san: &str, caller: CallerEntry) -> CallerEntry {
    CallerEntry { token_hash: None, san: Some(san.to_owned()), ..caller }
}

/// Returns the token of the caller with this name.
pub fn token_of(name: &str) -> String {
    format!("token-of-{name}")
}

/// Requires authentication, with these callers.
pub fn list(config: &mut Config, callers: impl IntoIterator<Item = CallerEntry>) {
    config.grpc.auth = Auth::Callers;
    config.callers = callers.into_iter().collect();
}

/// Adds this token to a call.
pub fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let line = format!("Bearer {token}").parse().expect("a header's value");
    request.metadata_mut().insert("authorization", line);
    request
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}
