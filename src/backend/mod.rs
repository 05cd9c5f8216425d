//! What stands behind an environment: passbridge's own store, or the provider's REST API.

mod draw;
mod local;
pub mod upstream;

pub use local::{LocalBackend, LocalParts};

use local::without_use;
