//! An operator's assertion about a viewer who has visited its page.

use serde_json::{Map, Value};

/// The time within which the browser must deliver it, in milliseconds.
pub(super) const TTL: i64 = 5 * 60 * 1000;

/// The operator's assertion to the provider. It is accepted once.
#[derive(Debug)]
pub(crate) struct Assertion {
    /// The session's code.
    pub code: String,
    /// The operator.
    pub mvpd: String,
    /// The viewer, if the login succeeded.
    pub viewer: Option<Viewer>,
}

/// The viewer who has logged in.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// The operator's name for the viewer.
    pub user_name: String,
    /// The viewer's attributes.
    pub attributes: Map<String, Value>,
}
