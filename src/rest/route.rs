//! The names of paths, for the router, metrics and spans. Labels must come from a closed set, never from a path that a
//! client sends.

use std::borrow::Cow;

use http::{Request, Uri};

use super::entitlement;

pub(super) const REGCODE: &str = "/reggie/v1/{requestor}/regcode";
pub(super) const REGCODE_JSON: &str = "/reggie/v1/{requestor}/regcode.json";
pub(super) const REGCODE_XML: &str = "/reggie/v1/{requestor}/regcode.xml";
pub(super) const REGCODE_CODE: &str = "/reggie/v1/{requestor}/regcode/{code}";
pub(super) const RESET: &str = "/reset-tempass/v3/reset";
pub(super) const RESET_GENERIC: &str = "/reset-tempass/v3/reset/generic";
pub(super) const REGISTER: &str = "/o/client/register";
pub(super) const TOKEN: &str = "/o/client/token";

/// The first segments of the paths.
const PREFIXES: [&[&str]; 5] = [
    &["reggie", "v1"],
    &["reset-tempass", "v3"],
    &["o", "client"],
    &["api", "v1"],
    &["adobe-services", "config"],
];

/// The original target of a request whose path was normalized.
#[derive(Debug, Clone)]
pub(super) struct WrittenUri(pub Uri);

/// Normalizes a path that the face serves. Clients join base URLs and paths that both have a slash, and encode
/// characters without need. So empty segments are removed, and an encoded letter, digit, `-`, `.`, `_` or `~` is
/// decoded (RFC 3986, section 6.2.2.2). Any other encoded character, including a slash, stays a part of its segment.
pub(super) fn normalize_path<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = normalized(request.uri()) {
        let written = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(WrittenUri(written));
    }
    request
}

/// Returns the normalized target if it differs from `uri`.
fn normalized(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_plain = !path.contains("//") && !path.contains('%') && !path.ends_with('/');
    if is_plain {
        return None;
    }
    let segments: Vec<_> = segments(path).collect();
    let is_ours = |prefix: &&[&str]| {
        segments.len() > prefix.len() && segments.iter().zip(*prefix).all(|(one, other)| one == other)
    };
    if !PREFIXES.iter().any(is_ours) {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("/{}{query}", segments.join("/")).parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Decodes the characters of a segment that need no encoding. A segment with an invalid encoding stays as it is,
/// because a decoded character could turn it into a valid one.
fn without_needless_encoding(segment: &str) -> Cow<'_, str> {
    let is_byte = |piece: &str| piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !segment.contains('%') || !segment.split('%').skip(1).all(is_byte) {
        return Cow::Borrowed(segment);
    }
    let mut pieces = segment.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.get(..2).and_then(unreserved) {
            Some(character) => {
                text.push(character);
                text.push_str(&piece[2..]);
            }
            None => text.extend(["%", piece]),
        }
    }
    Cow::Owned(text)
}

/// Returns the character of two hex digits if it is unreserved (RFC 3986, section 2.3).
fn unreserved(digits: &str) -> Option<char> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from(u8::from_str_radix(digits, 16).ok()?);
    let is_unreserved = character.is_ascii_alphanumeric() || "-._~".contains(character);
    is_unreserved.then_some(character)
}

/// Returns all segments of a path of the v1 flow, which is below `/api/v1` or `/adobe-services/config`; `None` for
/// other paths. The path need not be normalized.
pub(super) fn v1_flow(path: &str) -> Option<Vec<Cow<'_, str>>> {
    is_v1_flow(path).then(|| segments(path).collect())
}

/// Whether a path is in the v1 flow.
pub(super) fn is_v1_flow(path: &str) -> bool {
    let mut segments = segments(path);
    let first = [segments.next(), segments.next()];
    let first = first.each_ref().map(Option::as_deref);
    matches!(first, [Some("api"), Some("v1")] | [Some("adobe-services"), Some("config")])
}

/// Returns the non-empty segments of a path, without needless encoding.
fn segments(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    path.split('/').filter(|segment| !segment.is_empty()).map(without_needless_encoding)
}

/// Reports whether a segment of the path is `.` or `..`, encoded or not: servers resolve these differently.
pub(super) fn has_dot_segments(path: &str) -> bool {
    path.split('/').any(|segment| matches!(&*without_needless_encoding(segment), "." | ".."))
}

/// The name of all other paths.
pub(super) const OTHER: &str = "_OTHER";

const ROUTES: [&str; 8] =
    [REGCODE, REGCODE_JSON, REGCODE_XML, REGCODE_CODE, RESET, RESET_GENERIC, REGISTER, TOKEN];

/// Returns the name of the path that the router matched.
pub(super) fn route_of(matched: Option<&str>) -> &'static str {
    let mut routes = ROUTES.into_iter().chain(entitlement::route::PATHS.iter().copied());
    routes.find(|route| Some(*route) == matched).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn served_paths_are_normalized() {
        for (written, expected) in [
            ("//reggie/v1/REF/regcode", "/reggie/v1/REF/regcode"),
            ("/reggie/v1//REF///regcode/?a=%2E//", "/reggie/v1/REF/regcode?a=%2E//"),
            ("/%72eggie/v1/R%45F/regcode%2ejson", "/reggie/v1/REF/regcode.json"),
            ("/reggie/v1/A%2DB%5FC%2e/regcode", "/reggie/v1/A-B_C./regcode"),
            ("/reset-tempass/v3//reset/", "/reset-tempass/v3/reset"),
            ("/reggie/v1/REF%2Fregcode", "/reggie/v1/REF%2Fregcode"),
            ("/reggie/v1/%2e%2E/%c3%a4%zz%4", "/reggie/v1/../%c3%a4%zz%4"),
            ("/reggie/v1/%%32E%%32E/%2%35E/", "/reggie/v1/%%32E%%32E/%2%35E"),
        ] {
            let request = normalize_path(Request::get(written).body(()).expect("a request"));
            assert_eq!(request.uri(), expected, "{written}");
        }
        for others in
            ["/elsewhere//x/", "/api/v2//authorize%2E", "//", "/reggie//", "/reggie%2Fv1/REF/regcode", "*"]
        {
            let request = normalize_path(Request::get(others).body(()).expect("a request"));
            assert_eq!(request.uri(), others);
            assert!(request.extensions().get::<WrittenUri>().is_none(), "{others}");
        }
    }

    #[test]
    fn every_path_has_a_name_for_metrics() {
        for (_, path) in crate::rest::calls() {
            assert_eq!(route_of(Some(path)), path);
        }
    }

    #[test]
    fn v1_flow_paths_are_recognized_in_any_encoding() {
        for path in
            ["/api/v1/authorize", "//api//v1/x", "/%61pi/v%31/x/", "/api/v1", "/adobe-services/config/REF"]
        {
            assert!(is_v1_flow(path) && v1_flow(path).is_some(), "{path}");
        }
        for path in ["/api/v2/x", "/api%2Fv1/x", "/api", "/", "/adobe-services/authenticate", "/x/api/v1/y"] {
            assert!(!is_v1_flow(path) && v1_flow(path).is_none(), "{path}");
        }
    }

    #[test]
    fn dot_segments_are_found_in_any_encoding() {
        for path in ["/.", "/a/../b", "/a/%2e/b", "/a/.%2E", "/%2E%2e/"] {
            assert!(has_dot_segments(path), "{path}");
        }
        for path in ["/", "/a.b/c", "/...", "/%2E%2E%2E", "/a%2F../b"] {
            assert!(!has_dot_segments(path), "{path}");
        }
    }
}
