//! Names of a client certificate that identify a caller.

use iri_string::types::UriStr;

use super::error::Violation;

/// The maximum length of a DNS name (RFC 1035, section 2.3.4) and of one of its labels, in characters.
const DNS_NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A name in a certificate's subjectAltName (RFC 5280, section 4.2.1.6), normalized for comparison: case-insensitive parts are
/// in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SubjectAltName {
    /// A complete host name, without wildcards.
    Dns(Box<str>),
    /// A URI, such as a SPIFFE id.
    Uri(Box<str>),
    /// An e-mail address.
    Email(Box<str>),
}

impl SubjectAltName {
    /// Parses a name from `field` of the configuration. A name with a colon is a URI, any other name with an `@` is an e-mail
    /// address, and all others are DNS names.
    ///
    /// # Errors
    /// The text is not such a name.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let name = match text {
            "" => Err("must be a name of the caller's certificate: DNS, URI or e-mail"),
            _ if text.contains(':') => Self::uri(text),
            _ if text.contains('@') => Self::email(text),
            _ => Self::dns(text),
        };
        name.map_err(|rule| Violation::new(field, format!("{rule}, but is {text:?}")))
    }

    /// Parses a `dNSName`.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub(crate) fn dns(text: &str) -> Result<Self, &'static str> {
        host_name(text).map(Self::Dns)
    }

    /// Parses a `uniformResourceIdentifier`. Its scheme and its host are case-insensitive (RFC 5280, section 7.4).
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub(crate) fn uri(text: &str) -> Result<Self, &'static str> {
        let wrong = "must be a URI, such as spiffe://example.com/player";
        let uri = UriStr::new(text).map_err(|_| wrong)?;
        let (scheme, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or(wrong)?;
        if rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("must not have a port, because certificates name no ports");
        }
        let mut lowered = scheme.to_ascii_lowercase() + &text[scheme.len()..];
        if let Some(authority) = uri.authority_components() {
            let host = authority.host();
            // The scheme, `://`, and the user with an `@` precede the host.
            let user = authority.userinfo().map_or(0, |user| user.len() + 1);
            let start = scheme.len() + "://".len() + user;
            lowered.replace_range(start..start + host.len(), &host.to_ascii_lowercase());
        }
        Ok(Self::Uri(lowered.into()))
    }

    /// Parses an `rfc822Name`. Its host is case-insensitive (RFC 5280, section 7.5).
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub(crate) fn email(text: &str) -> Result<Self, &'static str> {
        let (mailbox, host) = text.rsplit_once('@').unwrap_or(("", ""));
        if mailbox.is_empty() || !mailbox.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@') {
            return Err("must be an e-mail address of ASCII characters, such as player@example.com");
        }
        Ok(Self::Email(format!("{mailbox}@{}", host_name(host)?).into()))
    }
}

/// Parses a host name, and returns it in lower case.
fn host_name(text: &str) -> Result<Box<str>, &'static str> {
    if text.contains('*') {
        return Err("must not have a wildcard, which would make several names one caller");
    }
    if !text.is_ascii() {
        return Err("must contain only ASCII characters, as in certificates (xn--…)");
    }
    let is_label = |label: &str| {
        let symbols = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        symbols && (1..=LABEL_MAX).contains(&label.len())
    };
    if text.len() > DNS_NAME_MAX || !text.split('.').all(is_label) {
        return Err("must be a DNS name, such as player.example.com");
    }
    if text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("must be a name (DNS, URI or e-mail), not an address");
    }
    Ok(text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SubjectAltName, Violation> {
        SubjectAltName::parse("callers[0].san", text)
    }

    #[test]
    fn names_are_parsed_by_their_form_and_normalized_as_their_rfc_says() {
        let (dns, uri, email) = (SubjectAltName::Dns, SubjectAltName::Uri, SubjectAltName::Email);
        for (text, expected) in [
            ("player", dns("player".into())),
            ("Player-1.Example.COM", dns("player-1.example.com".into())),
            ("xn--bcher-kva.example", dns("xn--bcher-kva.example".into())),
            ("SPIFFE://Example.com/ns/Web/Player", uri("spiffe://example.com/ns/Web/Player".into())),
            ("https://User@Host:8443/A?b#C", uri("https://User@host:8443/A?b#C".into())),
            ("spiffe://[2001:DB8::1]/A", uri("spiffe://[2001:db8::1]/A".into())),
            ("urn:uuid:F81D4FAE-7DEC-11D0", uri("urn:uuid:F81D4FAE-7DEC-11D0".into())),
            ("Player.One@Example.COM", email("Player.One@example.com".into())),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_rule_that_they_break() {
        let (label, name) = ("a".repeat(64), "a.".repeat(127) + "a");
        for (text, expected) in [
            ("", "a name of the caller's certificate"),
            ("*.example.com", "wildcard"),
            ("player@*.example.com", "wildcard"),
            ("192.0.2.1", "not an address"),
            ("player.example.com:443", "certificates name no ports"),
            ("spiffe:", "must be a URI"),
            ("2001:db8::1", "must be a URI"),
            ("spiffe://exa mple/player", "must be a URI"),
            ("://example.com", "must be a URI"),
            ("player.example.com.", "must be a DNS name"),
            ("a..b", "must be a DNS name"),
            ("player example", "must be a DNS name"),
            (&label, "must be a DNS name"),
            (&name, "must be a DNS name"),
            ("bücher.example", "xn--"),
            ("@example.com", "must be an e-mail address"),
            ("two words@example.com", "must be an e-mail address"),
            ("a@b@example.com", "must be an e-mail address"),
            ("player@", "must be a DNS name"),
        ] {
            let violation = parse(text).expect_err(text);
            assert_eq!(violation.field, "callers[0].san");
            assert!(violation.description.contains(expected), "{violation}");
        }
    }
}
