//! Parameters of a request, from its query and its form. A parameter may be in either, or in both with the same value.

use std::borrow::Cow;

use http::{HeaderMap, header::CONTENT_TYPE};
use percent_encoding::percent_decode;

use crate::domain::error::{Violation, Violations};

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// The maximum number of parameters.
const PARAMETERS_MAX: usize = 64;

/// The maximum length of a parameter name, in bytes.
const NAME_MAX: usize = 64;

/// The parameters of a request. A value is checked for UTF-8 only when it is read.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a> {
    pairs: Vec<RawParameter<'a>>,
    /// Whether there is a body with content that is not a form.
    has_unread_body: bool,
}

#[derive(Debug)]
struct RawParameter<'a> {
    name: Cow<'a, [u8]>,
    value: Cow<'a, [u8]>,
    source: ParameterSource,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ParameterSource {
    Query,
    Form,
}

impl<'a> Parameters<'a> {
    /// Parses the parameters of a query and a body. A body that is not a form has no parameters: clients that use only
    /// the query may send `{}` or `null`.
    pub(super) fn read(
        query: &'a str,
        headers: &HeaderMap,
        body: &'a [u8],
        violations: &mut Violations,
    ) -> Self {
        let mut pairs = pairs(query.as_bytes(), ParameterSource::Query);
        let mut has_unread_body = false;
        if !body.is_empty() && !is_blank(body) {
            match form(headers, body) {
                Some(form) => pairs.extend(form),
                None => has_unread_body = true,
            }
        }
        if pairs.len() > PARAMETERS_MAX {
            violations.add("", format!("the request has more than {PARAMETERS_MAX} parameters"));
            pairs.clear();
        }
        Self { pairs, has_unread_body }
    }

    /// Returns the parameter's value. Adds a violation if it is repeated, contradictory or not UTF-8.
    pub(super) fn get(&self, name: &str, violations: &mut Violations) -> Option<&str> {
        let of = |source| {
            self.pairs.iter().filter(move |pair| pair.source == source && *pair.name == *name.as_bytes())
        };
        for source in [ParameterSource::Query, ParameterSource::Form] {
            if of(source).count() > 1 {
                violations.add(name, "must be given only once");
                return None;
            }
        }
        let (query, form) = (of(ParameterSource::Query).next(), of(ParameterSource::Form).next());
        if let (Some(query), Some(form)) = (query, form)
            && query.value != form.value
        {
            violations.add(name, "must have the same value in the query and in the form");
            return None;
        }
        let text = std::str::from_utf8(&query.or(form)?.value);
        violations.take(text.map_err(|_| Violation::new(name, "must be UTF-8")))
    }

    /// Adds a violation if there is a body that was not read. For calls that lack a parameter, and for calls that must
    /// not ignore one.
    pub(super) fn check_body(&self, violations: &mut Violations) {
        if self.has_unread_body {
            violations.add("", format!("the body is not a form; send {FORM}"));
        }
    }

    /// Returns the parameter's nonempty values in the form, as bytes.
    pub(super) fn in_form(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let pairs = self.pairs.iter().filter(move |pair| {
            pair.source == ParameterSource::Form && !pair.value.is_empty() && *pair.name == *name.as_bytes()
        });
        pairs.map(|pair| &*pair.value)
    }

    /// Adds a violation for each parameter that is not in `known`, and for each that is both in the query and in the form.
    pub(super) fn check_names(&self, known: &[&str], violations: &mut Violations) {
        for name in known {
            let of = |source| {
                self.pairs.iter().any(|pair| pair.source == source && *pair.name == *name.as_bytes())
            };
            if of(ParameterSource::Query) && of(ParameterSource::Form) {
                violations.add(name, "must be given only once");
            }
        }
        for pair in &self.pairs {
            if !known.iter().any(|name| *pair.name == *name.as_bytes()) {
                let name = String::from_utf8_lossy(&pair.name).chars().take(NAME_MAX).collect::<String>();
                violations.add(
                    &name,
                    format!("is not a parameter of this call; its parameters are {}", known.join(", ")),
                );
            }
        }
    }

    /// Like [`Self::get`], but treats an empty value as absent.
    pub(super) fn filled(&self, name: &str, violations: &mut Violations) -> Option<&str> {
        self.get(name, violations).filter(|text| !text.is_empty())
    }
}

/// Reports whether the body is declared as a form. `None` without a content type.
pub(super) fn is_form(headers: &HeaderMap) -> Option<bool> {
    let declared = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    Some(media_type.eq_ignore_ascii_case(FORM))
}

/// Reports whether a body has no content: only white space, or empty JSON.
fn is_blank(body: &[u8]) -> bool {
    let text = body.trim_ascii();
    let inside = |open, close| text.strip_prefix(&[open])?.strip_suffix(&[close]).map(<[u8]>::trim_ascii);
    let is_empty = |inside: Option<&[u8]>| inside.is_some_and(<[u8]>::is_empty);
    matches!(text, b"" | b"null" | b"\"\"") || is_empty(inside(b'{', b'}')) || is_empty(inside(b'[', b']'))
}

/// Parses a form. `None` if the body is not one.
fn form<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<RawParameter<'a>>> {
    if is_form(headers) == Some(false) {
        return None;
    }
    let pairs = pairs(body, ParameterSource::Form);
    // Other text, such as JSON, parses into names that no parameter has.
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(byte);
    let is_name = |name: &[u8]| name.len() <= NAME_MAX && name.iter().all(is_name_byte);
    pairs.iter().all(|pair| is_name(&pair.name)).then_some(pairs)
}

fn pairs(text: &[u8], source: ParameterSource) -> Vec<RawParameter<'_>> {
    let segments = text.split(|byte| *byte == b'&').filter(|segment| !segment.is_empty());
    // One more than allowed is enough to reject the request.
    segments
        .take(PARAMETERS_MAX + 1)
        .map(|segment| {
            let mut halves = segment.splitn(2, |byte| *byte == b'=').map(decode);
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            RawParameter { name, value, source }
        })
        .collect()
}

/// Decodes `application/x-www-form-urlencoded` (WHATWG URL, section 5.1).
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        Cow::Owned(percent_decode(&spaced).collect())
    } else {
        percent_decode(text).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(query: &str, body: &str, name: &str) -> Result<Option<String>, String> {
        let mut violations = Violations::default();
        let parameters = Parameters::read(query, &HeaderMap::new(), body.as_bytes(), &mut violations);
        let value = parameters.get(name, &mut violations).map(str::to_owned);
        if violations.is_empty() { Ok(value) } else { Err(violations.into_error().to_string()) }
    }

    #[test]
    fn a_parameter_may_be_in_the_query_or_the_form_or_equal_in_both() {
        assert_eq!(get("a=1&b=2", "", "a"), Ok(Some("1".to_owned())));
        assert_eq!(get("", "a=1", "a"), Ok(Some("1".to_owned())));
        assert_eq!(get("a=1", "a=1", "a"), Ok(Some("1".to_owned())));
        assert_eq!(get("b=1", "c=1", "a"), Ok(None));
        assert!(get("a=1", "a=2", "a").expect_err("refused").starts_with("a: "));
        assert!(get("a=1&a=1", "", "a").expect_err("refused").starts_with("a: "));
        assert!(get("", "a=1&a=2", "a").expect_err("refused").starts_with("a: "));
    }

    #[test]
    fn values_are_decoded_and_must_be_utf8() {
        assert_eq!(get("a=%C3%A4+%2B%25", "", "a"), Ok(Some("ä +%".to_owned())));
        assert_eq!(get("%61=1&b", "", "a"), Ok(Some("1".to_owned())));
        assert_eq!(get("a=100%", "", "a"), Ok(Some("100%".to_owned())));
        assert!(get("a=%FF", "", "a").expect_err("refused").contains("UTF-8"));
        assert_eq!(get("b=%FF", "", "a"), Ok(None), "b was not read");
    }

    #[test]
    fn a_body_that_is_not_a_form_is_reported_unless_it_is_blank() {
        let is_unread = |body: &str| {
            let mut violations = Violations::default();
            let parameters = Parameters::read("a=1", &HeaderMap::new(), body.as_bytes(), &mut violations);
            assert_eq!(parameters.get("a", &mut violations), Some("1"), "{body}");
            assert!(violations.is_empty(), "{body}");
            parameters.check_body(&mut violations);
            !violations.is_empty()
        };
        for body in [r#"{"a":2}"#, "<a>2</a>", r#"{"a":"="}"#, "hello world", "{}{}", "[{}]", "{", "nul l"] {
            assert!(is_unread(body), "{body}");
        }
        for body in ["", "{}", " { }\r\n", "null", "[]", "\"\"", "  ", "a=1"] {
            assert!(!is_unread(body), "{body}");
        }
        let mut headers = HeaderMap::new();
        for (media_type, is_form) in [
            ("application/x-www-form-urlencoded; charset=UTF-8", true),
            ("Application/X-WWW-Form-Urlencoded", true),
            ("application/json", false),
            ("multipart/form-data; boundary=x", false),
        ] {
            headers.insert(CONTENT_TYPE, media_type.parse().expect("a value"));
            assert_eq!(form(&headers, b"a=1").is_some(), is_form, "{media_type}");
        }
    }

    #[test]
    fn too_many_parameters_are_rejected() {
        assert!(get(&"a=1&".repeat(PARAMETERS_MAX + 1), "", "b").is_err());
    }
}
