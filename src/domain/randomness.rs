//! Randomness, injected. Codes and ids are drawn from nothing else.

use std::{fmt, sync::Arc, sync::Mutex};

use uuid::Uuid;

/// A source of random bytes. Implementations that serve real codes must be cryptographically secure.
pub trait Randomness: fmt::Debug + Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// Where the source has none to give; nothing may be issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable>;

    /// A random UUID (version 4, RFC 9562).
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    fn uuid(&self) -> Result<Uuid, RandomnessUnavailable> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// A source that many parts share.
pub type SharedRandomness = Arc<dyn Randomness>;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct RandomnessUnavailable(pub String);

/// The operating system's cryptographically secure generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandomness;

impl Randomness for OsRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system's generator")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        getrandom::fill(bytes).map_err(|error| RandomnessUnavailable(error.to_string()))
    }
}

/// Gives back what it was given, again and again. For tests that need a collision or a known code.
#[derive(Debug)]
pub struct ScriptedRandomness {
    script: Vec<u8>,
    position: Mutex<usize>,
}

impl ScriptedRandomness {
    /// Repeats `script`, which must not be empty.
    #[must_use]
    pub fn new(script: Vec<u8>) -> Arc<Self> {
        assert!(!script.is_empty(), "a script needs at least one byte");
        Arc::new(Self { script, position: Mutex::new(0) })
    }
}

impl Randomness for ScriptedRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        let mut position = self.position.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for byte in bytes {
            *byte = self.script[*position % self.script.len()];
            *position += 1;
        }
        Ok(())
    }
}
