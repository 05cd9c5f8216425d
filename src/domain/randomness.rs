//! Injected randomness, the only source of codes and ids.

use std::{
    cell::RefCell,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use uuid::Uuid;

/// A source of random bytes. Implementations that serve real codes must be cryptographically secure.
pub trait Randomness: fmt::Debug + Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// The source fails. Nothing may be issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable>;

    /// Returns a random UUID (version 4, RFC 9562).
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    fn uuid(&self) -> Result<Uuid, RandomnessUnavailable> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// A shared source.
pub type SharedRandomness = Arc<dyn Randomness>;

/// Returns a random duration from zero to `longest`, as jitter. Returns `longest` if the source fails.
#[must_use]
pub fn up_to(randomness: &dyn Randomness, longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    match randomness.fill(&mut bytes) {
        Ok(()) => longest.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)),
        Err(_) => longest,
    }
}

/// Returns `wait` with jitter of up to half of it added, for a wait that must not be shorter and that many callers or
/// replicas start at the same time.
#[must_use]
pub fn spread(randomness: &dyn Randomness, wait: Duration) -> Duration {
    wait + up_to(randomness, wait / 2)
}

/// The operating system's generator failed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random number generator failed: {0}")]
pub struct RandomnessUnavailable(pub String);

/// The operating system's cryptographically secure generator. Each thread buffers bytes, because the system call takes
/// longer than the rest of drawing a code. No byte is returned twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandomness;

/// The size of a thread's buffer in bytes.
const POOL: usize = 512;

/// A buffer of random bytes. Those from `next` on are unused.
struct Pool {
    bytes: [u8; POOL],
    next: usize,
}

thread_local! {
    static UNUSED: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL], next: POOL }) };
}

impl Pool {
    fn take(&mut self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        if bytes.len() > POOL {
            return ask_system(bytes);
        }
        if self.next + bytes.len() > POOL {
            ask_system(&mut self.bytes)?;
            self.next = 0;
        }
        let taken = &mut self.bytes[self.next..self.next + bytes.len()];
        bytes.copy_from_slice(taken);
        // Used bytes must not stay in memory: they may be a secret.
        taken.fill(0);
        self.next += bytes.len();
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that reads the system's generator")]
fn ask_system(bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
    getrandom::fill(bytes).map_err(|error| RandomnessUnavailable(error.to_string()))
}

impl Randomness for OsRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        UNUSED.with_borrow_mut(|pool| pool.take(bytes))
    }
}

/// Repeats a given sequence of bytes. For tests that need a collision or a known code.
#[derive(Debug)]
pub struct ScriptedRandomness {
    script: Vec<u8>,
    position: Mutex<usize>,
}

impl ScriptedRandomness {
    /// Creates a source that repeats `script`, which must not be empty.
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_random_duration_is_between_zero_and_the_longest() {
        let longest = Duration::from_secs(5);
        let drawn = |byte| up_to(&*ScriptedRandomness::new(vec![byte]), longest);
        assert_eq!((drawn(0), drawn(255)), (Duration::ZERO, longest));
        let half = drawn(128);
        assert!(half > longest * 49 / 100 && half < longest * 51 / 100, "{half:?}");
    }

    #[test]
    fn jitter_adds_at_most_half_of_the_wait() {
        let wait = Duration::from_secs(4);
        let drawn = |byte| spread(&*ScriptedRandomness::new(vec![byte]), wait);
        assert_eq!((drawn(0), drawn(255)), (wait, wait * 3 / 2));
    }

    #[test]
    fn no_random_bytes_are_returned_twice_by_any_thread() {
        let draw = || -> Vec<[u8; 16]> {
            let one = |_| {
                let mut bytes = [0; 16];
                OsRandomness.fill(&mut bytes).expect("randomness");
                bytes
            };
            (0..1_000).map(one).collect()
        };
        let other = std::thread::spawn(draw);
        let mut seen: HashSet<_> = draw().into_iter().collect();
        seen.extend(other.join().expect("ran"));
        assert_eq!(seen.len(), 2_000);
        let mut long = [0; 2 * POOL];
        OsRandomness.fill(&mut long).expect("randomness");
        assert!(long.windows(16).all(|window| window != [0; 16]));
    }
}
