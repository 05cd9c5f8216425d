//! Codes that were handed out, to be read again.

use std::sync::{Mutex, PoisonError};

/// Long enough for ten million live codes: a code of the default length could be guessed among so many, and the server
/// would not start.
pub const CODE_LENGTH: usize = 8;

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

    /// How many were added until now.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Those that were added until now.
    pub fn until_now(&self) -> Vec<Code> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
