//! Created codes, to be read later.

use std::sync::{Mutex, PoisonError};

/// The code length for ten million live codes: codes of the default length could be guessed among so many, so the server
/// would not start.
pub const CODE_LENGTH: usize = 8;

/// A created code.
pub type Code = [u8; CODE_LENGTH];

/// All created codes.
#[derive(Debug, Default)]
pub struct Codes(Mutex<Vec<Code>>);

impl Codes {
    pub fn add(&self, code: Code) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(code);
    }

    /// The number of codes added so far.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The codes added so far.
    pub fn until_now(&self) -> Vec<Code> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
