//! Text that no log and no debug print shows.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret: a client's secret, a token, a software statement. Whoever means to send it says [`SecretText::reveal`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The secret itself, for who gives it to its owner.
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

/// Checks that none of these values shows `secret`.
#[cfg(test)]
pub(crate) fn assert_withheld(secret: &str, values: &[&dyn fmt::Debug]) {
    for value in values {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
