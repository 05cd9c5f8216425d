//! Errors as operators read them.

use std::{error::Error, fmt};

/// Writes an error with its sources. A source that an error before it has said already is left out.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            let text = source.to_string();
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said.push_str(&text);
            }
            error = source;
        }
        Ok(())
    }
}
