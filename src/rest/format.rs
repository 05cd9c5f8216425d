//! The response format. In order of precedence: the path's extension, the parameter `format`, the `Accept` header, the
//! configured default.

use http::{HeaderMap, HeaderValue, header::ACCEPT};

use crate::config::ResponseFormat;

/// The format that an `Accept` header requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AcceptedFormat {
    For(ResponseFormat),
    /// No particular format: there is no header, or it accepts any.
    Anything,
    /// Only formats that this server does not support.
    SomethingElse,
}

pub(super) const fn media_type(format: ResponseFormat) -> HeaderValue {
    match format {
        ResponseFormat::Json => HeaderValue::from_static("application/json"),
        ResponseFormat::Xml => HeaderValue::from_static("application/xml"),
    }
}

/// Splits the path into the part before the extension and the format of the extension.
pub(super) fn split_extension(path: &str) -> (&str, Option<ResponseFormat>) {
    let json = path.strip_suffix(".json").map(|rest| (rest, Some(ResponseFormat::Json)));
    json.or_else(|| path.strip_suffix(".xml").map(|rest| (rest, Some(ResponseFormat::Xml))))
        .unwrap_or((path, None))
}

/// Parses the parameter `format`.
pub(super) fn parse_format(text: &str) -> Option<ResponseFormat> {
    if text.eq_ignore_ascii_case("json") {
        Some(ResponseFormat::Json)
    } else if text.eq_ignore_ascii_case("xml") {
        Some(ResponseFormat::Xml)
    } else {
        None
    }
}

/// Evaluates the `Accept` headers (RFC 9110, section 12.5.1): the supported format with the greatest weight wins. Among
/// equal weights, the first named format wins, and a wildcard comes last.
pub(super) fn accepted_format(headers: &HeaderMap, default: ResponseFormat) -> AcceptedFormat {
    let mut best: Option<((u16, bool), AcceptedFormat)> = None;
    let mut refused = Vec::new();
    let mut is_empty = true;
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')).map(str::trim).filter(|range| !range.is_empty()) {
        is_empty = false;
        let (weight, range) = weigh(range);
        let Some(format) = range_of(range) else { continue };
        if weight == 0 {
            refused.push(format);
            continue;
        }
        let rank = (weight, format != AcceptedFormat::Anything);
        if best.is_none_or(|(greatest, _)| rank > greatest) {
            best = Some((rank, format));
        }
    }
    match best {
        Some((_, AcceptedFormat::Anything)) if refused.contains(&AcceptedFormat::For(default)) => {
            let other =
                if default == ResponseFormat::Json { ResponseFormat::Xml } else { ResponseFormat::Json };
            if refused.contains(&AcceptedFormat::For(other)) {
                AcceptedFormat::SomethingElse
            } else {
                AcceptedFormat::For(other)
            }
        }
        Some((_, format)) => format,
        None if is_empty => AcceptedFormat::Anything,
        None => AcceptedFormat::SomethingElse,
    }
}

fn range_of(media_range: &str) -> Option<AcceptedFormat> {
    const RANGES: [(&str, AcceptedFormat); 7] = [
        ("application/json", AcceptedFormat::For(ResponseFormat::Json)),
        ("text/json", AcceptedFormat::For(ResponseFormat::Json)),
        ("application/xml", AcceptedFormat::For(ResponseFormat::Xml)),
        ("text/xml", AcceptedFormat::For(ResponseFormat::Xml)),
        ("text/*", AcceptedFormat::For(ResponseFormat::Xml)),
        ("application/*", AcceptedFormat::Anything),
        ("*/*", AcceptedFormat::Anything),
    ];
    let known = RANGES.into_iter().find(|(name, _)| media_range.eq_ignore_ascii_case(name));
    // Java's HTTP client sends `*` for any format.
    known.map(|(_, format)| format).or((media_range == "*").then_some(AcceptedFormat::Anything))
}

/// Returns the weight of a media range in thousandths, and the range without its parameters.
fn weigh(range: &str) -> (u16, &str) {
    let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
    let weight = parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.trim().split_once('=')?;
        key.eq_ignore_ascii_case("q").then(|| value.parse::<f32>().unwrap_or(1.0))
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to 0 to 1000, and a cast of NaN is 0"
    )]
    let thousandths = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16;
    (thousandths, name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: AcceptedFormat = AcceptedFormat::For(ResponseFormat::Json);
    const XML: AcceptedFormat = AcceptedFormat::For(ResponseFormat::Xml);

    #[test]
    fn accept_headers_are_evaluated_with_their_weights() {
        for (accept, expected) in [
            ("application/json", JSON),
            ("Application/JSON; charset=utf-8", JSON),
            ("text/xml", XML),
            ("application/xml, application/json", XML),
            ("application/xml;q=0.5, application/json", JSON),
            ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", XML),
            ("*/*", AcceptedFormat::Anything),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", AcceptedFormat::Anything),
            ("image/webp, */*", AcceptedFormat::Anything),
            ("application/*", AcceptedFormat::Anything),
            ("*/*, application/json", JSON),
            ("*/*, application/json;q=0.9", AcceptedFormat::Anything),
            ("application/xml;q=0, */*", JSON),
            ("text/*", XML),
            ("", AcceptedFormat::Anything),
            ("image/png", AcceptedFormat::SomethingElse),
            ("application/json;q=0", AcceptedFormat::SomethingElse),
            ("application/json;q=NaN, application/xml;q=0.1", XML),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a value"));
            assert_eq!(accepted_format(&headers, ResponseFormat::Xml), expected, "{accept}");
        }
        assert_eq!(accepted_format(&HeaderMap::new(), ResponseFormat::Xml), AcceptedFormat::Anything);
    }

    #[test]
    fn the_extension_at_the_end_of_a_path_is_split_off() {
        assert_eq!(split_extension("/regcode/ABC.json"), ("/regcode/ABC", Some(ResponseFormat::Json)));
        assert_eq!(split_extension("/regcode.xml"), ("/regcode", Some(ResponseFormat::Xml)));
        assert_eq!(split_extension("/regcode/ABC"), ("/regcode/ABC", None));
    }
}
