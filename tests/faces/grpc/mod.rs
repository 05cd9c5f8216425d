//! The gRPC face, tested through a real client.

mod code_life;
mod deadline;
mod device_info;
mod drain;
mod health;
mod invalid_request;
mod limits;
mod lookup;
mod lookup_budget;
mod malformed;
mod place;
mod reflection;
mod request_id;
mod schedule;
pub mod temp_pass;
mod temp_pass_batch;
mod throttle;
mod watch;
