//! The shared code of this binary's tests. Its files are shared with other binaries.

#[path = "../support/any_call.rs"]
pub mod any_call;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/caller.rs"]
pub mod caller;
#[path = "../support/certificates.rs"]
#[allow(dead_code, reason = "it has more than this binary needs")]
pub mod certificates;
#[path = "../support/http.rs"]
pub mod http;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/issuer.rs"]
pub mod issuer;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/provider.rs"]
pub mod provider;
#[path = "../support/raw.rs"]
pub mod raw;
#[path = "../support/request.rs"]
pub mod request;
#[path = "../support/server_process.rs"]
pub mod server_process;
#[path = "../support/status.rs"]
pub mod status;
