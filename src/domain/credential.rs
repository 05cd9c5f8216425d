//! The proven credentials by which configured callers are identified.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use super::{error::Violation, subject_alt_name::SubjectAltName};

/// The length of a digest in bytes.
const DIGEST_LENGTH: usize = 32;

/// A credential that a caller has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The caller holds the token with this hash.
    Token(TokenHash),
    /// A CA has certified these names for the caller's key. No name is repeated.
    Certificate(Box<[SubjectAltName]>),
    /// An issuer has signed a JWT for the caller.
    Subject {
        /// The issuer.
        issuer: Arc<str>,
        /// The `sub` of the JWT.
        subject: Arc<str>,
    },
}

/// A pattern for the `sub` of a caller's JWTs: parts between colons. The part `*` matches any part that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectPattern(Vec<Option<Box<str>>>);

impl SubjectPattern {
    /// Parses a pattern from `field` of the configuration.
    ///
    /// # Errors
    /// The pattern is empty, or has a `*` that is not a whole part.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        if text.is_empty() {
            return Err(Violation::new(field, "is required: the `sub` of the caller's tokens"));
        }
        let part = |part: &str| match part {
            "*" => Ok(None),
            _ if part.contains('*') => {
                let text =
                    format!("must use `*` only as a whole part between colons, but has the part {part:?}");
                Err(Violation::new(field, text))
            }
            _ => Ok(Some(part.into())),
        };
        text.split(':').map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the pattern matches exactly one subject.
    #[must_use]
    pub(crate) fn is_exact(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Whether the pattern matches `subject`.
    #[must_use]
    pub(crate) fn matches(&self, subject: &str) -> bool {
        let mut parts = subject.split(':');
        let matches = |wanted: &Option<Box<str>>| match (wanted, parts.next()) {
            (_, None) => false,
            (Some(wanted), Some(part)) => **wanted == *part,
            (None, Some(part)) => !part.is_empty(),
        };
        self.0.iter().all(matches) && parts.next().is_none()
    }

    /// Whether any subject matches both patterns.
    #[must_use]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let may_be_same = |(one, two): (&Option<Box<str>>, &Option<Box<str>>)| match (one, two) {
            (Some(one), Some(two)) => one == two,
            (None, Some(part)) | (Some(part), None) => !part.is_empty(),
            (None, None) => true,
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(may_be_same)
    }
}

/// The SHA-256 of a token's text. `Display` shows it, `Debug` does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; DIGEST_LENGTH]);

impl TokenHash {
    /// Returns the hash of `token`.
    #[must_use]
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Parses 64 lower-case hexadecimal digits from `field` of the configuration.
    ///
    /// # Errors
    /// The text is anything else. The violation does not repeat it, because it may be the token itself.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let bytes = bytes.collect::<Option<Vec<_>>>().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            let text = "must be the SHA-256 of the token as 64 lower-case hexadecimal digits, as `passbridge caller \
                        new` prints it";
            Violation::new(field, text)
        })
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_sha_256_of_the_printed_text_in_lower_case_hex() {
        // The example of FIPS 180-2, appendix B.1.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), hex);
        assert_eq!(TokenHash::parse("", hex), Ok(TokenHash::of("abc")));
    }

    #[test]
    fn a_star_matches_one_part_between_colons() {
        let pattern = |text| SubjectPattern::parse("callers[0].jwt.subject", text).expect("valid");
        let any_namespace = pattern("system:serviceaccount:*:player");
        for (subject, expected) in [
            ("system:serviceaccount:web:player", true),
            ("system:serviceaccount:web:players", false),
            ("system:serviceaccount::player", false),
            ("system:serviceaccount:web:team:player", false),
            ("system:serviceaccount:web", false),
            ("system:serviceaccount:*:player", true),
        ] {
            assert_eq!(any_namespace.matches(subject), expected, "{subject}");
        }
        assert!(any_namespace.overlaps(&pattern("system:serviceaccount:web:*")));
        assert!(!any_namespace.overlaps(&pattern("system:serviceaccount:web:other")));
        assert!(!any_namespace.is_exact() && pattern("player").is_exact());
        for text in ["", "system:serviceaccount:web-*:player", "**"] {
            assert!(SubjectPattern::parse("callers[0].jwt.subject", text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_invalid_hash_is_refused_and_not_repeated() {
        let hex = TokenHash::of("abc").to_string();
        for text in ["", "abc", &hex[1..], &hex[2..], &hex.to_uppercase(), &format!("{hex}00"), "pb_secret"] {
            let violation = TokenHash::parse("callers[0].token_hash", text).expect_err(text);
            assert!(violation.description.contains("64 lower-case"), "{violation}");
            assert!(text.is_empty() || !violation.description.contains(text), "{violation}");
        }
    }
}
