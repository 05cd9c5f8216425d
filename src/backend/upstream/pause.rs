//! What has failed is not tried again at once, and the longer the more often it failed. When a pause is over one tries, and
//! the others wait for how that ends. Pauses have jitter, so that replicas do not try together.

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

/// How long the first pause is, and the longest, without jitter.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(32);

/// The most jitter, which is up to half of a pause otherwise.
const LONGEST_JITTER: Duration = Duration::from_secs(16);

/// How many pauses are remembered at once. Requestors that fail are few; where there are more, the pause that ends first is
/// forgotten for the new one, and no other.
const REMEMBERED: usize = 1_000;

struct Pause {
    error: Error,
    until: MonotonicInstant,
    length: Duration,
    /// One tries.
    probed: bool,
}

/// The pauses by what has failed.
pub(super) struct Pauses<K> {
    /// Whether there is any: where nothing fails nobody takes the lock.
    any: AtomicBool,
    pauses: Mutex<HashMap<K, Pause>>,
    randomness: SharedRandomness,
}

impl<K: Eq + Hash + Clone> Pauses<K> {
    /// No pauses.
    pub(super) fn new(randomness: SharedRandomness) -> Self {
        Self { any: AtomicBool::new(false), pauses: Mutex::default(), randomness }
    }

    /// Lets somebody try.
    ///
    /// # Errors
    /// What failed, while its pause lasts or somebody else tries.
    pub(super) fn admit(&self, key: &K, now: MonotonicInstant) -> Result<(), Error> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pause) = pauses.get_mut(key) else { return Ok(()) };
        if now < pause.until {
            return Err(pause.error.clone());
        }
        // Who tries may leave without a word.
        pause.until = now + pause.length;
        pause.probed = true;
        Ok(())
    }

    /// Whether somebody may try; nobody does by asking.
    pub(super) fn is_over(&self, key: &K, now: MonotonicInstant) -> bool {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(key).is_none_or(|pause| now >= pause.until)
    }

    /// Something has failed. Several that fail together begin one pause.
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
        pauses.insert(key.clone(), Pause { error: error.clone(), until, length, probed: false });
        self.any.store(true, Ordering::Release);
    }

    /// It has succeeded.
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

    fn pauses<K: Eq + Hash + Clone>() -> Pauses<K> {
        Pauses::new(ScriptedRandomness::new(vec![0]))
    }

    #[test]
    fn replicas_that_fail_together_do_not_try_again_together() {
        let replica = |byte| Pauses::new(ScriptedRandomness::new(vec![byte]));
        let (early, late) = (replica(0), replica(255));
        let start = MonotonicInstant::from_micros(0);
        let tries = |pauses: &Pauses<_>, at| pauses.admit(&(), at).is_ok();
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
    fn many_that_fail_together_begin_one_pause_and_then_one_tries() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        let admitted = |at| pauses.admit(&"a", at).is_ok();
        (0..10).for_each(|_| pauses.begin(&"a", &Error::ShuttingDown, start));
        assert!(!admitted(start) && pauses.admit(&"b", start).is_ok());
        let over = start + SECOND;
        assert!(admitted(over), "one tries");
        assert!(!admitted(over), "the others wait");
        (0..10).for_each(|_| pauses.begin(&"a", &Error::ShuttingDown, over));
        assert!(!admitted(over + SECOND) && admitted(over + SECOND * 2), "the second pause is longer");
        pauses.end(&"a");
        assert!(admitted(over + SECOND * 2));
        pauses.begin(&"a", &Error::ShuttingDown, over);
        assert!(admitted(over + SECOND), "and the next one is a first one");
    }

    #[test]
    fn a_thousand_other_pauses_end_none_that_still_lasts() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        pauses.begin(&0, &Error::Throttled { of: Throttled::Device, retry_after: SECOND * 30 }, start);
        (1..=2 * REMEMBERED).for_each(|key| pauses.begin(&key, &Error::ShuttingDown, start));
        assert!(pauses.admit(&0, start + SECOND * 29).is_err());
        assert!(pauses.admit(&(2 * REMEMBERED), start).is_err(), "nor is the newest one left out");
        assert_eq!(pauses.pauses.lock().expect("not poisoned").len(), REMEMBERED);
    }

    #[test]
    fn a_pause_is_as_long_as_the_error_says() {
        let pauses = pauses();
        let start = MonotonicInstant::from_micros(0);
        pauses.begin(&(), &Error::Throttled { of: Throttled::Device, retry_after: SECOND * 30 }, start);
        assert!(
            pauses.admit(&(), start + SECOND * 29).is_err() && pauses.admit(&(), start + SECOND * 30).is_ok()
        );
    }
}
