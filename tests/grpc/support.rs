//! What the tests of this binary share; its files are shared with other binaries.

#[path = "../support/raw.rs"]
pub mod raw;
#[path = "../support/request.rs"]
pub mod request;
#[path = "../support/status.rs"]
pub mod status;
#[path = "../support/test_server.rs"]
pub mod test_server;
