use std::sync::Arc;

use super::*;
use crate::domain::{
    clock::{Clock, ManualClock, Timestamp},
    code::Code,
    entitlement::ProfileKind,
    id::{DeviceId, EnvironmentName, MvpdId, Place, RequestorId},
    known_device::PendingCode,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const MILLISECOND: Duration = Duration::from_millis(1);

const CACHE: ProfileCache =
    ProfileCache { negative: Duration::from_secs(4), positive: Duration::from_secs(60) };

struct Bench {
    clock: Arc<ManualClock>,
    polls: Polls,
    device: PolledDevice,
}

impl Bench {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_123));
        Self { polls: Polls::new(clock.clone()), device: device("tv"), clock }
    }

    /// A login with the operator `Cable` that was seen and reported long ago.
    fn login(&self) -> KnownLogin {
        let long_ago = self.clock.now().before(HOUR);
        KnownLogin {
            mvpd: MvpdId::parse("mvpd", "Cable").expect("valid"),
            user_id: None,
            kind: ProfileKind::Regular,
            issue_time: Some(long_ago),
            expire_time: None,
            standing: LoginStanding::Reported,
            seen_time: long_ago,
            code: None,
            attributes: None,
        }
    }

    /// A device with a code that lives for an hour. Its viewer has gone to an operator if `is_started`.
    fn with_code(&self, is_started: bool) -> KnownDevice {
        let now = self.clock.now();
        let pending = PendingCode {
            code: Code::from_canonical("NKGF4M7"),
            expire_time: now + HOUR,
            mvpd: None,
            start_time: is_started.then_some(now),
            is_used: false,
        };
        KnownDevice { pending: Some(pending), ..KnownDevice::default() }
    }

    fn is_confirmed(&self, login: &KnownLogin) -> bool {
        self.polls.is_confirmed(self.device, login, CACHE)
    }

    fn is_denied(&self, device: &KnownDevice) -> bool {
        self.polls.is_denied(self.device, device, Urgency::Poll, CACHE)
    }
}

fn device(id: &str) -> PolledDevice {
    let place = Place {
        environment: EnvironmentName::parse("environment", "default").expect("valid"),
        requestor: RequestorId::parse("requestor", "REF").expect("valid"),
    };
    PolledDevice::new(&DeviceKey { place, device_id: DeviceId::parse("device_id", id).expect("valid") })
}

#[test]
fn a_reported_login_is_confirmed_for_the_positive_cache_time() {
    let bench = Bench::new();
    let login = bench.login();
    assert!(!bench.is_confirmed(&login), "no answer yet");
    bench.polls.note(bench.device, Some(&login));
    assert!(bench.is_confirmed(&login));
    assert!(!bench.polls.is_confirmed(device("another"), &login, CACHE));
    bench.clock.advance(CACHE.positive - MILLISECOND);
    assert!(bench.is_confirmed(&login));
    bench.clock.advance(MILLISECOND);
    assert!(!bench.is_confirmed(&login));
}

#[test]
fn an_answer_confirms_only_its_own_login() {
    let bench = Bench::new();
    let login = bench.login();
    bench.polls.note(bench.device, Some(&login));
    let of_another_operator =
        KnownLogin { mvpd: MvpdId::parse("mvpd", "Dish").expect("valid"), ..login.clone() };
    let newer = KnownLogin { issue_time: Some(bench.clock.now()), ..login.clone() };
    for other in [of_another_operator, newer] {
        assert!(!bench.is_confirmed(&other));
    }
    bench.polls.note(bench.device, None);
    assert!(!bench.is_confirmed(&login));
}

#[test]
fn a_login_that_another_server_has_just_seen_is_confirmed_if_the_upstream_reported_it() {
    let bench = Bench::new();
    let login = KnownLogin { seen_time: bench.clock.now(), ..bench.login() };
    assert!(bench.is_confirmed(&login));
    for standing in [LoginStanding::Begun, LoginStanding::UsedUp] {
        assert!(!bench.is_confirmed(&KnownLogin { standing, ..login.clone() }), "{standing:?}");
    }
    bench.clock.advance(CACHE.positive - MILLISECOND);
    assert!(bench.is_confirmed(&login));
    bench.clock.advance(MILLISECOND);
    assert!(!bench.is_confirmed(&login));
}

#[test]
fn a_denial_holds_for_30_seconds_or_the_negative_cache_time_while_a_login_is_under_way() {
    let bench = Bench::new();
    let (idle, waiting) = (KnownDevice::default(), bench.with_code(false));
    let awaited = bench.with_code(true);
    for device in [&idle, &waiting, &awaited] {
        assert!(!bench.is_denied(device), "no answer yet");
    }
    bench.polls.note(bench.device, None);
    bench.clock.advance(CACHE.negative - MILLISECOND);
    assert!(bench.is_denied(&awaited));
    bench.clock.advance(MILLISECOND);
    assert!(!bench.is_denied(&awaited));
    bench.clock.advance(IDLE - CACHE.negative - MILLISECOND);
    assert!(bench.is_denied(&idle) && bench.is_denied(&waiting));
    bench.clock.advance(MILLISECOND);
    assert!(!bench.is_denied(&idle) && !bench.is_denied(&waiting));
}

#[test]
fn a_negative_cache_time_above_30_seconds_holds_for_idle_devices_too() {
    let bench = Bench::new();
    bench.polls.note(bench.device, None);
    bench.clock.advance(IDLE);
    let longer = ProfileCache { negative: IDLE + SECOND, ..CACHE };
    assert!(bench.polls.is_denied(bench.device, &KnownDevice::default(), Urgency::Poll, longer));
}

#[test]
fn a_denial_does_not_hold_for_a_used_code_nor_for_playback_with_a_code() {
    let bench = Bench::new();
    bench.polls.note(bench.device, None);
    let playback =
        |device: &KnownDevice| bench.polls.is_denied(bench.device, device, Urgency::Playback, CACHE);
    let pending = bench.with_code(false);
    assert!(bench.is_denied(&pending) && !playback(&pending));
    assert!(playback(&KnownDevice::default()), "no login can have been made with a code");
    let mut used = pending;
    if let Some(pending) = &mut used.pending {
        pending.is_used = true;
    }
    assert!(!bench.is_denied(&used));
}

#[test]
fn a_reported_login_is_no_denial() {
    let bench = Bench::new();
    bench.polls.note(bench.device, Some(&bench.login()));
    assert!(!bench.is_denied(&KnownDevice::default()));
}

#[test]
fn a_forgotten_answer_neither_confirms_nor_denies() {
    let bench = Bench::new();
    let login = bench.login();
    assert!(!bench.polls.has_answer(bench.device));
    for answer in [Some(&login), None] {
        bench.polls.note(bench.device, answer);
        assert!(bench.polls.has_answer(bench.device) && !bench.polls.has_answer(device("another")));
        bench.polls.forget(bench.device);
        assert!(!bench.polls.has_answer(bench.device));
        assert!(!bench.is_confirmed(&login) && !bench.is_denied(&KnownDevice::default()));
    }
}

#[tokio::test]
async fn one_call_of_a_device_waits_for_another() {
    let bench = Bench::new();
    let first = bench.polls.lock(bench.device).await;
    let _another = bench.polls.lock(device("another")).await;
    let mut second = Box::pin(bench.polls.lock(bench.device));
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    assert!(futures_util::poll!(&mut second).is_ready());
}
