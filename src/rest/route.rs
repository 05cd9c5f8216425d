//! The paths by name, for the router, metrics and spans: labels must come from a closed set, never from what a stranger
//! wrote into a path.

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

/// What the paths begin with, segment by segment.
const PREFIXES: [&[&str]; 5] = [
    &["reggie", "v1"],
    &["reset-tempass", "v3"],
    &["o", "client"],
    &["api", "v1"],
    &["adobe-services", "config"],
];

/// The target of a request as its client wrote it, where that is not the one that is served.
#[derive(Debug, Clone)]
pub(super) struct WrittenUri(pub Uri);

/// Puts a path of ours into the one form that is served. Clients put base URLs and paths together that both have a slash,
/// and encode characters that need no encoding: empty segments count as none, and an encoded letter, digit, `-`, `.`, `_`
/// or `~` as itself (RFC 3986, section 6.2.2.2). Any other encoded character, a slash too, belongs to its segment's value.
pub(super) fn in_served_form<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = served(request.uri()) {
        let written = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(WrittenUri(written));
    }
    request
}

/// The target that is served where that is another one than `uri`.
fn served(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_plain = !path.contains("//") && !path.contains('%') && !path.ends_with('/');
    if is_plain {
        return None;
    }
    let segments: Vec<_> =
        path.split('/').filter(|segment| !segment.is_empty()).map(without_needless_encoding).collect();
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

/// The segment with the characters decoded that mean the same either way. One with a broken encoding stays as it is: what is
/// decoded could complete it to another one.
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

/// The character of these two digits where it never needs encoding (RFC 3986, section 2.3).
fn unreserved(digits: &str) -> Option<char> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from(u8::from_str_radix(digits, 16).ok()?);
    let is_unreserved = character.is_ascii_alphanumeric() || "-._~".contains(character);
    is_unreserved.then_some(character)
}

/// The segments of a path below `/api/v1` or `/adobe-services/config`, these included; nothing of any other path. A path is told
/// by what it means, however it is written.
pub(super) fn v1_flow(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let segments: Vec<_> =
        path.split('/').filter(|segment| !segment.is_empty()).map(without_needless_encoding).collect();
    let first = [segments.first().map(|segment| &**segment), segments.get(1).map(|segment| &**segment)];
    let is_v1_flow = matches!(first, [Some("api"), Some("v1")] | [Some("adobe-services"), Some("config")]);
    is_v1_flow.then_some(segments)
}

/// Whether a segment of the path is `.` or `..`, however it is written: what that leads to depends on who resolves it.
pub(super) fn has_dot_segments(path: &str) -> bool {
    path.split('/').any(|segment| matches!(&*without_needless_encoding(segment), "." | ".."))
}

/// What calls to a path that is none of these are counted as.
pub(super) const OTHER: &str = "_OTHER";

const ROUTES: [&str; 8] =
    [REGCODE, REGCODE_JSON, REGCODE_XML, REGCODE_CODE, RESET, RESET_GENERIC, REGISTER, TOKEN];

/// The name of the path that the router matched.
pub(super) fn route_of(matched: Option<&str>) -> &'static str {
    let mut routes = ROUTES.into_iter().chain(entitlement::route::PATHS.iter().copied());
    routes.find(|route| Some(*route) == matched).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ours_has_one_form_however_it_is_written() {
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
            let request = in_served_form(Request::get(written).body(()).expect("a request"));
            assert_eq!(request.uri(), expected, "{written}");
        }
        for others in
            ["/elsewhere//x/", "/api/v2//authorize%2E", "//", "/reggie//", "/reggie%2Fv1/REF/regcode", "*"]
        {
            let request = in_served_form(Request::get(others).body(()).expect("a request"));
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
    fn a_path_of_the_v1_flow_is_told_however_it_is_written() {
        for path in
            ["/api/v1/authorize", "//api//v1/x", "/%61pi/v%31/x/", "/api/v1", "/adobe-services/config/REF"]
        {
            assert!(v1_flow(path).is_some(), "{path}");
        }
        for path in ["/api/v2/x", "/api%2Fv1/x", "/api", "/", "/adobe-services/authenticate", "/x/api/v1/y"] {
            assert!(v1_flow(path).is_none(), "{path}");
        }
    }

    #[test]
    fn segments_of_dots_are_found_however_they_are_written() {
        for path in ["/.", "/a/../b", "/a/%2e/b", "/a/.%2E", "/%2E%2e/"] {
            assert!(has_dot_segments(path), "{path}");
        }
        for path in ["/", "/a.b/c", "/...", "/%2E%2E%2E", "/a%2F../b"] {
            assert!(!has_dot_segments(path), "{path}");
        }
    }
}
