//! Parsing of structured parameters.

use reqwest::Url;

use crate::domain::{
    entitlement::REDIRECT_URL_MAX,
    error::{Violation, first_not_plain},
    secret::SecretText,
};

/// The maximum length of `generic_data`, in bytes.
const GENERIC_DATA_MAX: usize = 2_048;

/// The parameters of the call that may follow `redirect_url` in a query. They are not a part of an unencoded URL.
const OTHERS: [&str; 17] = [
    "requestor_id",
    "requestor",
    "mso_id",
    "reg_code",
    "domain_name",
    "noflash",
    "no_iframe",
    "flash",
    "generic_data",
    "format",
    "deviceId",
    "deviceType",
    "deviceUser",
    "appId",
    "device_info",
    "ap_vi",
    "ast",
];

/// The URL to which a browser returns.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rest) struct RedirectUrl {
    /// The text as sent, which the provider may compare with a registered one.
    pub text: String,
    /// The same, normalized so that it is valid in a header.
    pub url: Url,
}

/// Parses the URL of a web page in the request's `field`. Scripts and files are not allowed.
///
/// # Errors
/// The text is not such a URL, or too long.
pub(in crate::rest) fn redirect_url(field: &str, text: &str) -> Result<RedirectUrl, Violation> {
    if text.len() > REDIRECT_URL_MAX {
        return Err(Violation::too_long(field, text, REDIRECT_URL_MAX));
    }
    // The parser ignores some white space, so it could read another URL than the provider does.
    let is_plain =
        first_not_plain(text).is_none() && !text.contains(char::is_whitespace) && !text.contains('\\');
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|_| is_plain && text.contains("://"));
    url.map(|url| RedirectUrl { text: text.to_owned(), url }).ok_or_else(|| {
        Violation::new(
            field,
            "must be the absolute URL of a web page, percent-encoded, such as https://example.com/done",
        )
    })
}

/// Returns a `redirect_url` with its own query that was sent unencoded at the end, as in the documents: the rest of the
/// query is a part of it. `None` if another reading is possible.
pub(in crate::rest) fn unencoded_redirect_url(query: &str) -> Option<&str> {
    const NAME: &str = "redirect_url=";
    let begin = if query.starts_with(NAME) { 0 } else { query.find(&format!("&{NAME}"))? + 1 };
    let text = query.get(begin + NAME.len()..)?;
    let (own, rest) = text.split_once('&')?;
    let is_unencoded = (own.starts_with("http://") || own.starts_with("https://")) && own.contains('?');
    let name = |pair: &'_ str| pair.split('=').next().unwrap_or_default().to_owned();
    let is_other = |pair: &str| OTHERS.contains(&&*name(pair)) || pair.starts_with(NAME);
    (is_unencoded && !rest.split('&').any(is_other)).then_some(text)
}

/// Parses the viewer's identity for a promotional TempPass in the request's `field`: a JSON object, or one with
/// parentheses for the braces, as printed in the documents.
///
/// # Errors
/// The text is not such an object, or too long. The error does not repeat it, since it is personal data.
pub(in crate::rest) fn temp_pass_identity(field: &str, text: &str) -> Result<SecretText, Violation> {
    if text.len() > GENERIC_DATA_MAX {
        return Err(Violation::too_long(field, text, GENERIC_DATA_MAX));
    }
    let inner = text.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let text = inner.map_or_else(|| text.to_owned(), |inner| format!("{{{inner}}}"));
    match serde_json::from_str::<serde_json::Map<_, _>>(&text) {
        Ok(_) => Ok(text.into()),
        Err(_) => {
            Err(Violation::new(field, r#"must be a JSON object, percent-encoded, such as {"email":"…"}"#))
        }
    }
}

/// Splits a comma-separated list of resources. A resource may be a document; the commas between its first and last tag
/// belong to it.
pub(in crate::rest) fn split_resources(text: &str) -> Vec<&str> {
    let mut resources = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = end_of_resource(rest);
        resources.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    resources.retain(|resource| !resource.trim().is_empty());
    resources
}

/// Returns the end of the first resource of a list.
fn end_of_resource(list: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = list[at..].find([',', '<']).map(|found| at + found) {
        let rest = &list[found..];
        if rest.starts_with(',') {
            if depth == 0 {
                return found;
            }
            at = found + 1;
            continue;
        }
        let (close, change) = tag(rest);
        // Unclosed markup extends to the end.
        let Some(length) = rest.find(close) else { return list.len() };
        let is_empty_element = change == 1 && rest[..length].ends_with('/');
        depth = match change {
            1 if !is_empty_element => depth + 1,
            -1 => depth.saturating_sub(1),
            _ => depth,
        };
        at = found + length + close.len();
    }
    list.len()
}

/// Returns the closing delimiter of a piece of markup, and its change of the nesting depth.
fn tag(text: &str) -> (&'static str, i8) {
    const OTHERS: [(&str, &str, i8); 5] =
        [("<![CDATA[", "]]>", 0), ("<!--", "-->", 0), ("<!", ">", 0), ("<?", "?>", 0), ("</", ">", -1)];
    let other = OTHERS.into_iter().find(|(open, ..)| text.starts_with(open));
    other.map_or((">", 1), |(_, close, change)| (close, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_url_must_be_that_of_a_web_page() {
        for text in ["https://example.com/done", "http://a.example:8080/?code=1&b=ü#x", "HTTPS://example.com"]
        {
            let read = redirect_url("redirect_url", text).expect(text);
            assert_eq!(read.text, text);
            assert!(http::HeaderValue::from_str(read.url.as_str()).is_ok(), "{text}");
        }
        let long = format!("https://example.com/{}", "x".repeat(REDIRECT_URL_MAX));
        for text in [
            "",
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "/done",
            "//example.com/done",
            "example.com",
            "data:text/html,x",
            "ftp://example.com/",
            "https:///",
            "https:example.com",
            "https://example.com/\r\nset-cookie: a=b",
            "https:\\\\example.com\\",
            " https://example.com/",
            &long,
        ] {
            let violation = redirect_url("redirect_url", text).expect_err(text);
            assert_eq!(violation.field, "redirect_url", "{text}");
        }
    }

    #[test]
    fn an_unencoded_redirect_url_extends_to_the_end_if_unambiguous() {
        for (query, expected) in [
            ("reg_code=A&redirect_url=https://a.example/b?x=1&y=2", Some("https://a.example/b?x=1&y=2")),
            ("redirect_url=http://a.example/?x=1&y=2&z", Some("http://a.example/?x=1&y=2&z")),
            ("redirect_url=https://a.example/b?x=1&y=2&mso_id=M", None),
            ("redirect_url=https://a.example/b?x=1", None),
            ("redirect_url=https://a.example/b&y=2", None),
            ("redirect_url=https%3A%2F%2Fa.example%2F%3Fx&y=2", None),
            ("redirect_url=javascript:a?&b=1", None),
            ("redirect_url=https://a.example/?a&redirect_url=https://b.example/", None),
            ("my_redirect_url=https://a.example/?x=1&y=2", None),
            ("", None),
        ] {
            assert_eq!(unencoded_redirect_url(query), expected, "{query}");
        }
    }

    #[test]
    fn generic_data_is_a_json_object_or_the_documented_form_with_parentheses() {
        for (text, expected) in [
            (r#"{"email":"a@example.com"}"#, r#"{"email":"a@example.com"}"#),
            (r#"("email":"a@example.com")"#, r#"{"email":"a@example.com"}"#),
            ("{ }", "{ }"),
        ] {
            let read = temp_pass_identity("generic_data", text).expect(text);
            assert_eq!(read.reveal(), expected);
        }
        let long = format!(r#"{{"email":"{}"}}"#, "x".repeat(GENERIC_DATA_MAX));
        for text in ["[1]", "a@example.com", "(a@example.com)", "\"\"", r#"{"email":}"#, "{}{}", "1", &long] {
            let violation = temp_pass_identity("generic_data", text).expect_err(text);
            assert!(!violation.description.contains("example.com"), "{violation}");
        }
    }

    #[test]
    fn resources_are_split_at_commas_outside_documents() {
        let mrss = r#"<rss version="2.0"><channel><title>A, B</title><item n="1,2"/><!-- , --><![CDATA[<,>]]></channel></rss>"#;
        for (text, expected) in [
            ("YESN,MSGGO", vec!["YESN", "MSGGO"]),
            ("YESN", vec!["YESN"]),
            (",a,, ,b,", vec!["a", "b"]),
            ("", vec![]),
            (",", vec![]),
            (mrss, vec![mrss]),
            (&format!("a,{mrss},b"), vec!["a", mrss, "b"]),
            (
                &format!("<?xml version=\"1.0\"?>{mrss},b"),
                vec![&format!("<?xml version=\"1.0\"?>{mrss}"), "b"],
            ),
            ("<rss>a,b", vec!["<rss>a,b"]),
            ("a<b,c", vec!["a<b,c"]),
            ("</a>,b", vec!["</a>", "b"]),
            ("é,ü", vec!["é", "ü"]),
        ] {
            assert_eq!(split_resources(text), expected, "{text}");
        }
    }
}
