//! What callers that the configuration lists are known by, once it is proven.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use super::{error::Violation, subject_alt_name::SubjectAltName};

/// How many bytes a digest has.
const DIGEST_LENGTH: usize = 32;

/// What a caller has proven about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// That it holds the token with this hash.
    Token(TokenHash),
    /// That a CA has certified these names, none of them twice, for the key that it holds.
    Certificate(Box<[SubjectAltName]>),
    /// That an issuer says so of it.
    Subject {
        /// The issuer.
        issuer: Arc<str>,
        /// Whom it means.
        subject: Arc<str>,
    },
}

/// The subjects of tokens that mean a caller: parts between colons, of which `*` stands for any that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectPattern(Vec<Option<Box<str>>>);

impl SubjectPattern {
    /// Takes a subject from the configuration's `field`.
    ///
    /// # Errors
    /// Where it is empty, or has a `*` that is not a whole part.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        if text.is_empty() {
            return Err(Violation::new(field, "is required: what tokens say in `sub`"));
        }
        let part = |part: &str| match part {
            "*" => Ok(None),
            _ if part.contains('*') => {
                let text = format!("has the part {part:?}: `*` stands for a whole part between colons");
                Err(Violation::new(field, text))
            }
            _ => Ok(Some(part.into())),
        };
        text.split(':').map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it means one subject alone.
    #[must_use]
    pub(crate) fn is_exact(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Whether it means this subject.
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

    /// Whether some subject is meant by both.
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

/// The SHA-256 of a token's text. Shown in full only where it is printed on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; DIGEST_LENGTH]);

impl TokenHash {
    /// The hash of this token.
    #[must_use]
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Takes 64 lower-case hexadecimal digits from the configuration's `field`.
    ///
    /// # Errors
    /// Where it is anything else. The text is not repeated: it may be the token itself.
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
            let text = "is no hash: write the SHA-256 of the token as 64 lower-case hexadecimal digits, as \
                        `passbridge caller new` prints it";
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
    fn a_star_stands_for_one_part_between_colons() {
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
    fn what_is_no_hash_is_refused_and_not_repeated() {
        let hex = TokenHash::of("abc").to_string();
        for text in ["", "abc", &hex[1..], &hex[2..], &hex.to_uppercase(), &format!("{hex}00"), "pb_secret"] {
            let violation = TokenHash::parse("callers[0].token_hash", text).expect_err(text);
            assert!(violation.description.contains("64 lower-case"), "{violation}");
            assert!(text.is_empty() || !violation.description.contains(text), "{violation}");
        }
    }
}
