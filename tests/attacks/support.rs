//! Modules that the tests of this binary share with other test binaries.

#[path = "../support/certificates.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod certificates;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/http.rs"]
pub mod http;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/raw.rs"]
pub mod raw;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/request.rs"]
pub mod request;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/server_process.rs"]
pub mod server_process;
