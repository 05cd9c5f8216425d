//! Codes that were handed out, to be read again.

use std::sync::{Mutex, PoisonError};

/// As long as a code by default.
pub const CODE_LENGTH: usize = passbridge::domain::code::DEFAULT_LENGTH;

/// A code that was handed out.
pub type Code = [u8; CODE_LENGTH];

/// All of them.
#[derive(Debug, Default)]
pub struct Codes(Mutex<Vec<Code>>);

impl Codes {
    /// Adds one.
    pub fn add(&self, code: Code) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(code);
    }

    /// Those that were added until now.
    pub fn until_now(&self) -> Vec<Code> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
