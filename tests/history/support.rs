//! What this binary has from the other tests.

#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/request.rs"]
pub mod request;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/server_process.rs"]
pub mod server_process;
