//! Modules that the tests of this binary share with other test binaries.

use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt;

#[path = "../support/any_call.rs"]
pub mod any_call;
#[path = "../support/caller.rs"]
pub mod caller;
#[path = "../support/certificates.rs"]
pub mod certificates;
#[path = "../support/http.rs"]
pub mod http;
#[path = "../support/issuer.rs"]
pub mod issuer;
#[path = "../support/raw.rs"]
pub mod raw;
#[path = "../support/request.rs"]
pub mod request;
#[path = "../support/rest.rs"]
pub mod rest;
#[path = "../support/status.rs"]
pub mod status;
#[path = "../support/test_server.rs"]
pub mod test_server;

/// The delay in `RetryInfo`.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}
