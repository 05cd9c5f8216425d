//! What the upstream said of each device's login a moment ago, in this process: devices ask every second, and it takes a call a
//! second from each address (reference of the device flow, sections 2.3 and 4.5).

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
        single_flight::{SingleFlight, Turn},
    },
};

/// How often a device is asked for at most while no viewer is with an operator on its behalf: nothing is known that could have
/// logged it in.
const IDLE: Duration = Duration::from_secs(30);

/// Of how many devices it is known when they were last asked for; of those beyond it is asked again.
const DEVICES_MAX: u64 = 1_000_000;

/// The answers, and whose turn it is to ask.
pub(super) struct Polls {
    answers: Cache<u128, Answer>,
    turns: SingleFlight<u128>,
    clock: SharedClock,
}

/// Who wants to know of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A device that asks again and again.
    Poll,
    /// One whose viewer wants to watch: where a login may have been made with its code it has to be asked for, since clients throw
    /// a login away for this answer.
    Playback,
}

/// A device, by a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Polled(u128);

#[derive(Clone, Copy)]
struct Answer {
    time: MonotonicInstant,
    /// The login that was told; none where nobody is logged in.
    login: Option<u128>,
}

impl Polled {
    pub(super) fn new(key: &DeviceKey) -> Self {
        Self(key.digest())
    }
}

impl Polls {
    pub(super) fn new(clock: SharedClock) -> Self {
        let answers = Cache::with_weighter(1_024, DEVICES_MAX, UnitWeighter);
        Self { answers, turns: SingleFlight::default(), clock }
    }

    /// Whether a login need not be asked for: it was told a moment ago, here or to another server.
    pub(super) fn is_confirmed(&self, polled: Polled, login: &KnownLogin, cache: ProfileCache) -> bool {
        let said = self.answers.get(&polled.0).filter(|answer| answer.login == Some(digest(login)));
        let said = said.is_some_and(|answer| self.clock.instant().since(answer.time) < cache.positive);
        let is_new = self.clock.now().since(login.seen_time) < cache.positive;
        said || (is_new && login.standing == LoginStanding::Told)
    }

    /// Whether it need not be asked whether a device is logged in which was not, a moment ago.
    pub(super) fn is_denied(
        &self,
        polled: Polled,
        device: &KnownDevice,
        urgency: Urgency,
        cache: ProfileCache,
    ) -> bool {
        if device.has_used_code() || (urgency == Urgency::Playback && device.pending.is_some()) {
            return false;
        }
        let is_awaited = device.has_login_under_way(self.clock.now());
        let interval = if is_awaited { cache.negative } else { cache.negative.max(IDLE) };
        let said = self.answers.get(&polled.0).filter(|answer| answer.login.is_none());
        said.is_some_and(|answer| self.clock.instant().since(answer.time) < interval)
    }

    /// Whether anything was said of the device, however long ago.
    pub(super) fn has_answer(&self, polled: Polled) -> bool {
        self.answers.get(&polled.0).is_some()
    }

    /// Waits until nobody else asks for the device: then the answer may be there.
    pub(super) async fn turn(&self, polled: Polled) -> Turn<u128> {
        self.turns.turn(polled.0).await
    }

    /// Notes what was said.
    pub(super) fn note(&self, polled: Polled, login: Option<&KnownLogin>) {
        let answer = Answer { time: self.clock.instant(), login: login.map(digest) };
        self.answers.insert(polled.0, answer);
    }

    /// Has the device asked for at its next call.
    pub(super) fn forget(&self, polled: Polled) {
        self.answers.remove(&polled.0);
    }
}

fn digest(login: &KnownLogin) -> u128 {
    let time = login.issue_time.map(|time| time.as_millis()).unwrap_or_default();
    xxh3_128(format!("{} {time}", login.mvpd).as_bytes())
}
