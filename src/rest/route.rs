//! The paths by name, for the router, metrics and spans: labels must come from a closed set, never from what a stranger
//! wrote into a path.

use http::{Request, Uri};

pub(super) const REGCODE: &str = "/reggie/v1/{requestor}/regcode";
pub(super) const REGCODE_JSON: &str = "/reggie/v1/{requestor}/regcode.json";
pub(super) const REGCODE_XML: &str = "/reggie/v1/{requestor}/regcode.xml";
pub(super) const REGCODE_CODE: &str = "/reggie/v1/{requestor}/regcode/{code}";
pub(super) const RESET: &str = "/reset-tempass/v3/reset";
pub(super) const RESET_GENERIC: &str = "/reset-tempass/v3/reset/generic";
pub(super) const REGISTER: &str = "/o/client/register";
pub(super) const TOKEN: &str = "/o/client/token";

/// What the paths begin with.
const PREFIXES: [&str; 3] = ["reggie/v1/", "reset-tempass/v3/", "o/client/"];

/// The target of a request as its client wrote it, where that is not the one that is served.
#[derive(Debug, Clone)]
pub(super) struct Written(pub Uri);

/// Takes slashes that are too many off a path of ours: clients put base URLs and paths together that both have one.
pub(super) fn without_stray_slashes<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = served(request.uri()) {
        let written = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(Written(written));
    }
    request
}

fn served(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.starts_with("//") && !path.ends_with('/') {
        return None;
    }
    let path = path.trim_matches('/');
    if !PREFIXES.into_iter().any(|prefix| path.starts_with(prefix)) {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("/{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// What calls to a path that is none of these are counted as.
pub(super) const OTHER: &str = "_OTHER";

const ROUTES: [&str; 8] =
    [REGCODE, REGCODE_JSON, REGCODE_XML, REGCODE_CODE, RESET, RESET_GENERIC, REGISTER, TOKEN];

/// The name of the path that the router matched.
pub(super) fn route_of(matched: Option<&str>) -> &'static str {
    ROUTES.into_iter().find(|route| Some(*route) == matched).unwrap_or(OTHER)
}
