//! Secret text, which neither logs nor `Debug` show.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret, such as a client secret, a token or a software statement. [`SecretText::reveal`] returns it explicitly.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Returns the secret.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the secret as a `String`, to be sent to its owner.
    #[must_use]
    pub fn into_revealed(self) -> String {
        self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

/// Asserts that the `Debug` output of none of these values contains `secret`.
#[cfg(test)]
pub(crate) fn assert_withheld(secret: &str, values: &[&dyn fmt::Debug]) {
    for value in values {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
