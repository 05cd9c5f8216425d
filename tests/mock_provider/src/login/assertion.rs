//! What an operator says of a viewer who has been on its page.

use serde_json::{Map, Value};

/// How long the browser may take to carry it back, in milliseconds.
pub(super) const TTL: i64 = 5 * 60 * 1000;

/// The operator's answer to the provider. It is taken once.
#[derive(Debug)]
pub(crate) struct Assertion {
    /// The session's code.
    pub code: String,
    /// The operator.
    pub mvpd: String,
    /// The viewer, unless there was no login.
    pub viewer: Option<Viewer>,
}

/// Who has logged in.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// As the operator calls them.
    pub user_name: String,
    /// What it tells of them.
    pub attributes: Map<String, Value>,
}
