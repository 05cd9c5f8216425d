//! The backends of environments: passbridge's own store, or the provider's REST API.

#![warn(clippy::large_futures)]

mod draw;
mod local;
pub mod upstream;

pub use local::{LocalBackend, LocalDependencies};

use local::unused_field_warnings;
