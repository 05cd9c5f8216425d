//! The paths by name, for the router, metrics and spans: labels must come from a closed set, never from what a stranger
//! wrote into a path.

pub(super) const REGCODE: &str = "/reggie/v1/{requestor}/regcode";
pub(super) const REGCODE_JSON: &str = "/reggie/v1/{requestor}/regcode.json";
pub(super) const REGCODE_XML: &str = "/reggie/v1/{requestor}/regcode.xml";
pub(super) const REGCODE_CODE: &str = "/reggie/v1/{requestor}/regcode/{code}";
pub(super) const RESET: &str = "/reset-tempass/v3/reset";
pub(super) const RESET_GENERIC: &str = "/reset-tempass/v3/reset/generic";
pub(super) const REGISTER: &str = "/o/client/register";
pub(super) const TOKEN: &str = "/o/client/token";

/// What calls to a path that is none of these are counted as.
pub(super) const OTHER: &str = "_OTHER";

const ROUTES: [&str; 8] =
    [REGCODE, REGCODE_JSON, REGCODE_XML, REGCODE_CODE, RESET, RESET_GENERIC, REGISTER, TOKEN];

/// The name of the path that the router matched.
pub(super) fn route_of(matched: Option<&str>) -> &'static str {
    ROUTES.into_iter().find(|route| Some(*route) == matched).unwrap_or(OTHER)
}
