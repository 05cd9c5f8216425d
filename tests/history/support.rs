//! Modules that this test binary shares with others.

#[allow(dead_code, reason = "this binary uses only a part")]
#[path = "../support/request.rs"]
pub mod request;
#[allow(dead_code, reason = "this binary uses only a part")]
#[path = "../support/server_process.rs"]
pub mod server_process;
