//! Exponential backoff with jitter after failures. During a pause, attempts fail at once with the last error. After it,
//! one attempt probes, and the others fail until its result is known. The jitter keeps replicas from probing at the same
//! time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::domain::{
    clock::MonotonicInstant,
    error::Error,
    randomness::{SharedRandomness, up_to},
};

/// The first and the longest pause, without jitter.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(32);

/// The limit of the jitter, which is up to half of a pause.
const LONGEST_JITTER: Duration = Duration::from_secs(16);

/// The maximum number of pauses. Few requestors fail at the same time. If there are more, the pause that ends first is
/// dropped for the new one.
const REMEMBERED: usize = 1_000;

struct Backoff {
    error: Error,
    until: MonotonicInstant,
    length: Duration,
    /// A probe has started.
    probed: bool,
}

/// Backoffs by key.
pub(super) struct Backoffs<K> {
    /// Whether there is any pause: without failures, no call takes the lock.
    any: AtomicBool,
    pauses: Mutex<HashMap<K, Backoff>>,
    randomness: SharedRandomness,
}

impl<K: Eq + Hash + Clone> Backoffs<K> {
    /// Creates the set without pauses.
    pub(super) fn new(randomness: SharedRandomness) -> Self {
        Self { any: AtomicBool::new(false), pauses: Mutex::default(), randomness }
    }

    /// Admits an attempt. After a pause, the attempt is the probe.
    ///
    /// # Errors
    /// The last error, during a pause or another caller's probe.
    pub(super) fn admit(&self, key: &K, now: MonotonicInstant) -> Result<(), Error> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pause) = pauses.get_mut(key) else { return Ok(()) };
        if now < pause.until {
            return Err(pause.error.clone());
        }
        // The probe may be canceled without a result, so the next one is due after the same time.
        pause.until = now + pause.length;
        pause.probed = true;
        Ok(())
    }

    /// Reports whether an attempt would be admitted, without starting a probe.
    pub(super) fn is_over(&self, key: &K, now: MonotonicInstant) -> bool {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(key).is_none_or(|pause| now >= pause.until)
    }

    /// Starts a pause after a failure. Concurrent failures start only one.
    pub(super) fn begin(&self, key: &K, error: &Error, now: MonotonicInstant) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let length = match pauses.get(key) {
            Some(pause) if now < pause.until && !pause.probed => return,
            Some(pause) => (pause.length * 2).min(LONGEST),
            None => FIRST,
        };
        if pauses.len() >= REMEMBERED
            && !pauses.contains_key(key)
            && let Some(first) =
                pauses.iter().min_by_key(|(_, pause)| pause.until).map(|(key, _)| key.clone())
        {
            pauses.remove(&first);
        }
        let least = length.max(error.retry_after().unwrap_or_default());
        let until = now + least + up_to(&*self.randomness, (least / 2).min(LONGEST_JITTER));
        pauses.insert(key.clone(), Backoff { error: error.clone(), until, length, probed: false });
        self.any.store(true, Ordering::Release);
    }

    /// Ends the pause after a success.
    pub(super) fn end(&self, key: &K) {
        if self.any.load(Ordering::Acquire) {
            let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
            pauses.remove(key);
            self.any.store(!pauses.is_empty(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{limit::Throttled, randomness::ScriptedRandomness};

    const SECOND: Duration = Duration::from_secs(1);

    fn pauses<K: Eq + Hash + Clone>() -> Backoffs<K> {
        Backoffs::new(ScriptedRandomness::new(vec![0]))
    }

    #[test]
    fn replicas_do_not_probe_at_the_same_time() {
        let replica = |byte| Backoffs::new(ScriptedRandomness::new(vec![byte]));
        let (early, late) = (replica(0), replica(255));
        let start = MonotonicInstant::from_micros(0);
        let tries = |pauses: &Backoffs<_>, at| pauses.admit(&(), at).is_ok();
        for (error, least, most) in [
            (Error::ShuttingDown, SECOND, SECOND * 3 / 2),
            (
                Error::Throttled { of: Throttled::Device, retry_after: SECOND * 600 },
                SECOND * 600,
                SECOND * 616,
            ),
        ] {
            [&early, &late].into_iter().for_each(|pauses| pauses.begin(&(), &error, start));
            assert!(tries(&early, start + least) && !tries(&late, start + least));
            assert!(
                !tries(&late, (start + most).before(Duration::from_micros(1))) && tries(&late, start + most)
            );
            [&early, &late].into_iter().for_each(|pauses| pauses.end(&()));
        }
    }

    #[test]
    fn concurrent_failures_start_one_pause_and_then_one_probe() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        let admitted = |at| pauses.admit(&"a", at).is_ok();
        (0..10).for_each(|_| pauses.begin(&"a", &Error::ShuttingDown, start));
        assert!(!admitted(start) && pauses.admit(&"b", start).is_ok());
        let over = start + SECOND;
        assert!(admitted(over), "one probes");
        assert!(!admitted(over), "the others are rejected");
        (0..10).for_each(|_| pauses.begin(&"a", &Error::ShuttingDown, over));
        assert!(!admitted(over + SECOND) && admitted(over + SECOND * 2), "the second pause is longer");
        pauses.end(&"a");
        assert!(admitted(over + SECOND * 2));
        pauses.begin(&"a", &Error::ShuttingDown, over);
        assert!(admitted(over + SECOND), "the next pause is a first one");
    }

    #[test]
    fn only_the_pause_that_ends_first_is_dropped() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        pauses.begin(&0, &Error::Throttled { of: Throttled::Device, retry_after: SECOND * 30 }, start);
        (1..=2 * REMEMBERED).for_each(|key| pauses.begin(&key, &Error::ShuttingDown, start));
        assert!(pauses.admit(&0, start + SECOND * 29).is_err());
        assert!(pauses.admit(&(2 * REMEMBERED), start).is_err(), "the newest pause is stored");
        assert_eq!(pauses.pauses.lock().expect("not poisoned").len(), REMEMBERED);
    }

    #[test]
    fn a_pause_lasts_as_long_as_the_errors_retry_after() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        pauses.begin(&(), &Error::Throttled { of: Throttled::Device, retry_after: SECOND * 30 }, start);
        assert!(
            pauses.admit(&(), start + SECOND * 29).is_err() && pauses.admit(&(), start + SECOND * 30).is_ok()
        );
    }
}
