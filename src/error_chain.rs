//! Formats errors for operators.

use std::{error::Error, fmt};

/// Displays an error with its sources. A source whose text is already part of the message is left out.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        formatter.write_str(&shown)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            let text = source.to_string();
            if !shown.contains(&text) {
                write!(formatter, ": {text}")?;
                shown.push_str(&text);
            }
            error = source;
        }
        Ok(())
    }
}
