//! What an operator sees of a failure: a status, an error code, a log line, or a whole HTTP response. The parser is lenient,
//! since the text is pasted from anywhere.

use serde_json::Value;

use super::{
    entitlement::RefusalReason,
    probable_cause::{ProbableCause, symptom_causes},
    upstream_code::{self, UpstreamErrorMeaning},
};

/// A kind of failure that a text can describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Symptom {
    /// 401.
    NotAuthorized,
    /// 400 or 404 where a code was asked for, or during the authentication.
    CodeUnknown,
    /// 400 otherwise.
    BadRequest,
    /// 403.
    Forbidden,
    /// 429.
    TooManyRequests,
    /// The viewer cannot log in on the operator's page.
    LoginFails,
    /// The provider rejects a field of the request.
    FieldWrong(&'static str),
    /// The response names a parameter that the request lacks.
    ParameterMissing(String),
    /// The provider refuses the client's credentials.
    CredentialsRefused,
    /// The trial of a TempPass has ended.
    TrialOver,
    /// The operator, or one of its rules, denies the resource.
    DeniedByOperator,
    /// The device has no login, or its login has ended.
    NotLoggedIn,
    /// The provider's configuration is wrong.
    ConfigurationWrong,
    /// 5xx, or no response.
    Unavailable,
}

impl Symptom {
    /// Returns the symptom in words.
    #[must_use]
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::NotAuthorized => "not authorized (401)".to_owned(),
            Self::CodeUnknown => "the registration code was not found".to_owned(),
            Self::BadRequest => "bad request (400)".to_owned(),
            Self::Forbidden => "forbidden (403)".to_owned(),
            Self::TooManyRequests => "too many requests (429)".to_owned(),
            Self::LoginFails => "the viewer cannot log in on the operator's page".to_owned(),
            Self::FieldWrong(field) => format!("the provider rejects {field}"),
            Self::ParameterMissing(name) => format!("the request has no {name}"),
            Self::TrialOver => "the trial of the TempPass has ended".to_owned(),
            Self::DeniedByOperator => "the operator denies the resource".to_owned(),
            Self::NotLoggedIn => "no viewer is logged in, or the login has ended".to_owned(),
            Self::ConfigurationWrong => "the provider's configuration does not permit the call".to_owned(),
            Self::CredentialsRefused => "the provider refuses the client's credentials".to_owned(),
            Self::Unavailable => "the provider does not respond, or fails".to_owned(),
        }
    }

    /// Returns the probable causes, the likeliest first.
    #[must_use]
    pub(crate) fn causes(&self) -> Vec<ProbableCause> {
        symptom_causes(self)
    }

    /// Returns the symptom of a status without further information.
    fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            401 => Self::NotAuthorized,
            403 => Self::Forbidden,
            404 => Self::CodeUnknown,
            429 => Self::TooManyRequests,
            400..500 => Self::BadRequest,
            500..600 => Self::Unavailable,
            _ => return None,
        })
    }

    fn of_meaning(meaning: UpstreamErrorMeaning) -> Self {
        match meaning {
            UpstreamErrorMeaning::Field(field) => Self::FieldWrong(field),
            UpstreamErrorMeaning::CodeUnknown => Self::CodeUnknown,
            UpstreamErrorMeaning::Token => Self::NotAuthorized,
            UpstreamErrorMeaning::Denied(reason) => Self::of_refusal(reason),
            UpstreamErrorMeaning::Configuration => Self::ConfigurationWrong,
            UpstreamErrorMeaning::Breakdown => Self::Unavailable,
        }
    }

    /// Returns the symptom of a denial.
    #[must_use]
    pub(crate) fn of_refusal(reason: RefusalReason) -> Self {
        match reason {
            RefusalReason::TrialExpired | RefusalReason::TrialExhausted => Self::TrialOver,
            RefusalReason::Operator
            | RefusalReason::ParentalControls
            | RefusalReason::HomeBased
            | RefusalReason::Degradation
            | RefusalReason::ViewerUnknown => Self::DeniedByOperator,
            RefusalReason::NotLoggedIn | RefusalReason::LoginExpired | RefusalReason::LoginInvalidated => {
                Self::NotLoggedIn
            }
            RefusalReason::Undecided => Self::Unavailable,
            RefusalReason::Configuration => Self::ConfigurationWrong,
            RefusalReason::Other => Self::Forbidden,
        }
    }
}

/// The error codes of client registrations and token requests (reference, section 5). passbridge treats them by their status;
/// to an operator they say more.
const OAUTH_CODES: &[(&str, Symptom)] = &[
    ("invalid_software_statement", Symptom::CredentialsRefused),
    ("unapproved_software_statement", Symptom::CredentialsRefused),
    ("invalid_client", Symptom::CredentialsRefused),
    ("unauthorized_client", Symptom::CredentialsRefused),
    ("invalid_redirect_uri", Symptom::FieldWrong("redirect_uri")),
    ("unsupported_grant_type", Symptom::FieldWrong("grant_type")),
    ("invalid_request", Symptom::BadRequest),
];

/// The greatest distance of a parameter's name from "required" or "missing", and its greatest length, in bytes.
const NAME_WITHIN: usize = 60;
const NAME_MAX: usize = 64;

/// Phrases that describe a symptom, in lower case.
const WORDS: [(&str, Symptom); 14] = [
    ("cannot log in", Symptom::LoginFails),
    ("can't log in", Symptom::LoginFails),
    ("login fails", Symptom::LoginFails),
    ("login page", Symptom::LoginFails),
    ("during authentication", Symptom::CodeUnknown),
    ("code was not found", Symptom::CodeUnknown),
    ("code not found", Symptom::CodeUnknown),
    ("too many", Symptom::TooManyRequests),
    ("not authorized", Symptom::NotAuthorized),
    ("unauthorized", Symptom::NotAuthorized),
    ("forbidden", Symptom::Forbidden),
    ("bad request", Symptom::BadRequest),
    ("timed out", Symptom::Unavailable),
    ("connection refused", Symptom::Unavailable),
];

/// Returns the symptom that a text describes. An error code is more specific than a phrase, and a phrase than a status.
#[must_use]
pub(crate) fn read(text: &str) -> Option<Symptom> {
    let response = PastedResponse::read(text);
    let searched = response.as_ref().map_or(text, |response| response.body);
    if let Some(name) = missing_parameter(searched) {
        return Some(Symptom::ParameterMissing(name));
    }
    if let Some(symptom) = by_code(searched) {
        return Some(symptom);
    }
    if let Some(response) = response {
        return Symptom::of_status(response.inner_status().unwrap_or(response.status));
    }
    let lower = text.to_lowercase();
    let by_word = WORDS.iter().find(|(words, _)| lower.contains(words)).map(|(_, symptom)| symptom.clone());
    by_word.or_else(|| statuses(text).find_map(Symptom::of_status))
}

/// Returns the symptom of an error code of the provider in the text.
fn by_code(text: &str) -> Option<Symptom> {
    if let Some((_, symptom)) = OAUTH_CODES.iter().find(|(code, _)| has_word(text, code)) {
        return Some(symptom.clone());
    }
    if let Some(code) = upstream_code::codes().find(|code| has_word(text, code)) {
        return upstream_code::meaning(code).map(Symptom::of_meaning);
    }
    let prefix = upstream_code::prefixes().find(|(prefix, _)| text.contains(prefix));
    prefix.map(|(_, meaning)| Symptom::of_meaning(meaning))
}

/// Returns the parameter that the request lacks: a name in quotes after "required" or "missing", or the first of v2's
/// `missingParameters`.
fn missing_parameter(text: &str) -> Option<String> {
    if let Ok(body) = serde_json::from_str::<Value>(text)
        && let Some(names) = body.get("missingParameters").and_then(Value::as_array)
        && let Some(name) = names.iter().find_map(Value::as_str).filter(|name| is_name(name))
    {
        return Some(name.to_owned());
    }
    // Quotes, as XML and JSON escape them.
    let text = text.replace("&apos;", "'").replace("&#39;", "'").replace("\\\"", "'");
    let lower = text.to_ascii_lowercase();
    let ends = ["required", "missing"].into_iter().flat_map(|word| {
        lower.match_indices(word).map(|(start, word)| start + word.len()).collect::<Vec<_>>()
    });
    ends.into_iter().find_map(|end| {
        let rest = &text[end..];
        let opening = rest.find('\'').filter(|distance| *distance <= NAME_WITHIN)?;
        let (name, _) = rest[opening + 1..].split_once('\'')?;
        is_name(name).then(|| name.to_owned())
    })
}

/// Whether the text is a valid name of a parameter or header.
fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
}

/// Returns the error codes of client registrations and token requests.
pub(crate) fn oauth_codes() -> impl Iterator<Item = &'static str> {
    OAUTH_CODES.iter().map(|(code, _)| *code)
}

/// An HTTP response as tools print it.
struct PastedResponse<'a> {
    status: u16,
    body: &'a str,
}

impl<'a> PastedResponse<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim_start();
        let rest = text.strip_prefix("HTTP/")?;
        let status = rest.split_whitespace().nth(1)?.parse().ok()?;
        let body =
            text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).map_or("", |(_, body)| body);
        Some(Self { status, body })
    }

    /// Returns the status in the body, which may differ from the response's and is the more specific one.
    fn inner_status(&self) -> Option<u16> {
        let body: Value = serde_json::from_str(self.body).ok()?;
        u16::try_from(body.get("status")?.as_u64()?).ok()
    }
}

/// Returns the numbers in a text that can be an error status.
fn statuses(text: &str) -> impl Iterator<Item = u16> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok())
        .filter(|status| (400..600).contains(status))
}

/// Whether `text` contains `word` as a whole word.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.match_indices(word).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symptoms_are_read_from_pasted_texts() {
        for (text, expected) in [
            ("401", Symptom::NotAuthorized),
            ("status=403 for the device", Symptom::Forbidden),
            ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>", Symptom::BadRequest),
            ("HTTP/2 200\n\n{\"status\":503}", Symptom::Unavailable),
            ("HTTP/1.1 400\n\n{\"code\":\"invalid_parameter_code\"}", Symptom::CodeUnknown),
            ("got invalid_parameter_mvpd from them", Symptom::FieldWrong("mvpd_id")),
            ("{\"error\":\"invalid_client\"}", Symptom::CredentialsRefused),
            ("{\"code\":\"invalid_configuration_platform_id\"}", Symptom::ConfigurationWrong),
            ("{\"code\":\"invalid_configuration_temporary_access\"}", Symptom::FieldWrong("mvpd_id")),
            ("400 during authentication", Symptom::CodeUnknown),
            ("the viewer cannot log in on the MVPD page", Symptom::LoginFails),
            ("2026-11-21T10:00:00Z WARN upstream answered 429", Symptom::TooManyRequests),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "hello", "port 8080", "200", "HTTP/", "1400"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn missing_parameters_are_named() {
        for (text, name) in [
            (
                "HTTP/1.1 400\r\n\r\n{\"status\":400,\"message\":\"Required 'deviceId' is not present\"}",
                "deviceId",
            ),
            ("Required String parameter 'mvpd_id' is not present", "mvpd_id"),
            ("<message>Required &apos;requestor_id&apos; is not present</message>", "requestor_id"),
            (r#"{"message":"Missing request header \"X-Device-Info\" for the call"}"#, "X-Device-Info"),
            (r#"{"actionName":"resume","missingParameters":["domainName","redirectUrl"]}"#, "domainName"),
        ] {
            assert_eq!(read(text), Some(Symptom::ParameterMissing(name.to_owned())), "{text}");
        }
        for text in
            ["required: 'not a name'", "missing", "the viewer's required", "{\"missingParameters\":[]}"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn every_symptom_has_causes() {
        for symptom in [
            Symptom::NotAuthorized,
            Symptom::CodeUnknown,
            Symptom::BadRequest,
            Symptom::Forbidden,
            Symptom::TooManyRequests,
            Symptom::LoginFails,
            Symptom::FieldWrong("device"),
            Symptom::ParameterMissing("deviceId".to_owned()),
            Symptom::CredentialsRefused,
            Symptom::TrialOver,
            Symptom::DeniedByOperator,
            Symptom::NotLoggedIn,
            Symptom::ConfigurationWrong,
            Symptom::Unavailable,
        ] {
            assert!(!symptom.causes().is_empty() && !symptom.describe().is_empty(), "{symptom:?}");
        }
    }
}
