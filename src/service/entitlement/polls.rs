//! Caches, in this process, the upstream's latest answer about each device's login. Devices poll every second, while
//! the upstream accepts one call per second from each address (reference of the device flow, sections 2.3 and 4.5).

use std::time::Duration;

use quick_cache::{UnitWeighter, sync::Cache};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    domain::{
        clock::{MonotonicInstant, SharedClock},
        known_device::{DeviceKey, KnownDevice, KnownLogin, LoginStanding},
    },
    service::{
        policy::ProfileCache,
        single_flight::{KeyGuard, SingleFlight},
    },
};

/// The minimum interval between upstream calls for a device while no login is in progress on its behalf: nothing could
/// have logged it in.
const IDLE: Duration = Duration::from_secs(30);

/// The maximum number of devices in the cache. The upstream is called again for an evicted device.
const DEVICES_MAX: u64 = 1_000_000;

/// The cached answers, and the lock of each device's upstream call.
pub(super) struct Polls {
    answers: Cache<u128, PollResult>,
    locks: SingleFlight<u128>,
    clock: SharedClock,
}

/// How soon a client requires the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A device that polls.
    Poll,
    /// A device whose viewer is about to watch. If a login may have been made with its code, the upstream must be
    /// called, since clients discard a login after a negative answer.
    Playback,
}

/// A device, by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PolledDevice(u128);

#[derive(Clone, Copy)]
struct PollResult {
    time: MonotonicInstant,
    /// The digest of the login; `None` if no viewer is logged in.
    login: Option<u128>,
}

impl PolledDevice {
    pub(super) fn new(key: &DeviceKey) -> Self {
        Self(key.digest())
    }
}

impl Polls {
    pub(super) fn new(clock: SharedClock) -> Self {
        let answers = Cache::with_weighter(1_024, DEVICES_MAX, UnitWeighter);
        Self { answers, locks: SingleFlight::default(), clock }
    }

    /// Whether a login was confirmed recently, here or by another server, and requires no upstream call.
    pub(super) fn is_confirmed(&self, polled: PolledDevice, login: &KnownLogin, cache: ProfileCache) -> bool {
        let answer = self.answers.get(&polled.0).filter(|answer| answer.login == Some(digest(login)));
        let is_recent = answer.is_some_and(|answer| self.clock.instant().since(answer.time) < cache.positive);
        let is_new = self.clock.now().since(login.seen_time) < cache.positive;
        is_recent || (is_new && login.standing == LoginStanding::Reported)
    }

    /// Whether the upstream recently reported that no viewer is logged in, and requires no upstream call.
    pub(super) fn is_denied(
        &self,
        polled: PolledDevice,
        device: &KnownDevice,
        urgency: Urgency,
        cache: ProfileCache,
    ) -> bool {
        if device.has_used_code() || (urgency == Urgency::Playback && device.pending.is_some()) {
            return false;
        }
        let is_awaited = device.has_login_under_way(self.clock.now());
        let interval = if is_awaited { cache.negative } else { cache.negative.max(IDLE) };
        let answer = self.answers.get(&polled.0).filter(|answer| answer.login.is_none());
        answer.is_some_and(|answer| self.clock.instant().since(answer.time) < interval)
    }

    /// Whether there is any answer about the device, however old.
    pub(super) fn has_answer(&self, polled: PolledDevice) -> bool {
        self.answers.get(&polled.0).is_some()
    }

    /// Waits for a concurrent upstream call about the device, whose answer can then be used.
    pub(super) async fn lock(&self, polled: PolledDevice) -> KeyGuard<u128> {
        self.locks.lock(polled.0).await
    }

    /// Records an answer.
    pub(super) fn note(&self, polled: PolledDevice, login: Option<&KnownLogin>) {
        let answer = PollResult { time: self.clock.instant(), login: login.map(digest) };
        self.answers.insert(polled.0, answer);
    }

    /// Forces an upstream call at the device's next call.
    pub(super) fn forget(&self, polled: PolledDevice) {
        self.answers.remove(&polled.0);
    }
}

fn digest(login: &KnownLogin) -> u128 {
    let time = login.issue_time.map(|time| time.as_millis()).unwrap_or_default();
    xxh3_128(format!("{} {time}", login.mvpd).as_bytes())
}

#[cfg(test)]
mod tests;
