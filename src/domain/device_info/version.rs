//! Versions in the normalized form.

use serde::{Deserialize, Serialize};

/// The largest number in a version or a size. Devices parse these as signed 32-bit numbers (int32 in the provider's OpenAPI
/// files), so a larger number would break their parser.
pub(super) const NUMBER_MAX: u32 = i32::MAX as u32;

/// A version, split at its dots. Unknown numbers are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The first number, at most 2 147 483 647; larger numbers saturate.
    pub major: u32,
    /// The second number, with the same bound.
    pub minor: u32,
    /// The third number, with the same bound; what follows it is dropped.
    pub patch: u32,
    /// The variant of the version. Always empty in versions from passbridge; an upstream may set it.
    pub profile: String,
}

impl Version {
    /// Parses the first word of `text` that starts with a digit, or with `v` and a digit: `Android 13`, `v4.2`, `17_4_1` and
    /// `12.4-beta` are versions, the build tag `NS6297` is not. Never fails: a text without a version gives 0.0.0.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace().map(|word| word.strip_prefix(['v', 'V']).unwrap_or(word));
        let word = words.find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
        let mut parts = word.unwrap_or_default().split(['.', '_']);
        Self::from_parts(parts.next(), parts.next(), parts.next())
    }

    /// Creates a version from the leading digits of each part.
    pub(super) fn from_parts(major: Option<&str>, minor: Option<&str>, patch: Option<&str>) -> Self {
        let [major, minor, patch] =
            [major, minor, patch].map(|part| leading_number(part.unwrap_or_default()));
        Self { major, minor, patch, profile: String::new() }
    }

    /// Whether the version is known at least in part.
    pub(super) const fn is_known(&self) -> bool {
        self.major != 0 || self.minor != 0 || self.patch != 0
    }
}

/// Parses the leading digits of `text`. Returns 0 if there are none, and saturates at [`NUMBER_MAX`].
pub(super) fn leading_number(text: &str) -> u32 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'));
    digits.fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(digit)).min(NUMBER_MAX)
}
