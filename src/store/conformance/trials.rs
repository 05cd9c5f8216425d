//! Trials of TempPasses.

use std::{collections::BTreeSet, time::Duration};

use futures_util::TryStreamExt;
use uuid::Uuid;

use super::{Harness, sample::race};
use crate::domain::{
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    port::{Authorization, TrialVerdict},
    temp_pass::{
        Denial, GenericKey, ResetTarget, ResourceId, TempPassKey, TempPassRule, TrialApplication,
        TrialIdentity, TrialState, TrialView,
    },
};

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// One hour, without a limit of resources.
pub(crate) const BASIC: TempPassRule = TempPassRule {
    ttl: Duration::from_secs(3600),
    max_resources: None,
    retention: Duration::from_secs(24 * 3600),
};

/// One hour and two resources.
pub(crate) const PROMOTIONAL: TempPassRule = TempPassRule { max_resources: Some(2), ..BASIC };

pub(crate) fn temp_pass(name: &str) -> TempPassKey {
    TempPassKey {
        environment: EnvironmentName::parse("environment", "default").expect("valid"),
        requestor: RequestorId::parse("requestor", "REF").expect("valid"),
        mvpd: MvpdId::parse("mvpd", name).expect("valid"),
    }
}

/// A device, and a generic key made from a number.
pub(crate) fn identity(device: &str, key: Option<u8>) -> TrialIdentity {
    TrialIdentity {
        device_id: DeviceId::parse("device_id", device).expect("valid"),
        generic_key: key.map(generic_key),
    }
}

pub(crate) fn generic_key(user: u8) -> GenericKey {
    GenericKey::parse("generic_key", &format!("{user:064x}")).expect("valid")
}

pub(crate) fn resource(text: &str) -> ResourceId {
    ResourceId::parse("resource_id", text).expect("valid")
}

pub(crate) fn authorization(rule: TempPassRule, identity: TrialIdentity, what: &str) -> Authorization {
    Authorization {
        temp_pass: temp_pass("TempPass"),
        rule,
        identity,
        application: TrialApplication::default(),
        resource: resource(what),
        new_id: new_id(),
    }
}

/// A unique id for a trial.
pub(crate) fn new_id() -> Uuid {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u64_pair(1, NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn authorize(
    harness: &impl Harness,
    rule: TempPassRule,
    device: &str,
    key: Option<u8>,
    what: &str,
) -> TrialVerdict {
    let authorization = authorization(rule, identity(device, key), what);
    harness.store().trials.authorize(authorization).await.expect("the store works")
}

async fn get(harness: &impl Harness, rule: TempPassRule, device: &str, key: Option<u8>) -> TrialView {
    let trials = harness.store().trials;
    trials.get(&temp_pass("TempPass"), &rule, &identity(device, key)).await.expect("the store works")
}

async fn reset(harness: &impl Harness, target: ResetTarget) -> Option<u64> {
    let nothing_asked = TrialApplication::default();
    let trials = harness.store().trials;
    trials.reset(&temp_pass("TempPass"), &target, &nothing_asked).await.expect("the store works")
}

fn device(id: &str) -> ResetTarget {
    ResetTarget::Device(DeviceId::parse("device_id", id).expect("valid"))
}

/// Only an authorization starts a trial, and nothing extends it.
pub(crate) async fn a_trial_starts_with_its_first_authorization_and_expires_to_the_millisecond(
    harness: &impl Harness,
) {
    assert_eq!(get(harness, BASIC, "a", None).await, TrialView::not_started(&BASIC));
    let start = harness.time().read();
    let first = authorize(harness, BASIC, "a", None, "one").await;
    assert_eq!((first.denial, first.trial.start_time), (None, Some(start)));
    assert_eq!(first.trial.expire_time, Some(start + BASIC.ttl));
    assert_eq!((first.trial.remaining_resources, &*first.trial.used_resources), (None, &[][..]));
    harness.time().pass(BASIC.ttl - MILLISECOND).await;
    let last = authorize(harness, BASIC, "a", None, "another").await;
    assert_eq!((last.denial, last.trial.state), (None, TrialState::Active));
    assert_eq!(last.trial.start_time, Some(start));
    harness.time().pass(MILLISECOND).await;
    let over = authorize(harness, BASIC, "a", None, "one").await;
    assert_eq!((over.denial, over.trial.state), (Some(Denial::Expired), TrialState::Expired));
    assert_eq!(
        authorize(harness, BASIC, "b", None, "one").await.denial,
        None,
        "another device has its own trial"
    );
}

/// An exhausted trial permits no new resource.
pub(crate) async fn an_exhausted_promotional_trial_still_permits_its_used_resources(harness: &impl Harness) {
    let mut left = Vec::new();
    for what in ["one", "one", "two"] {
        let verdict = authorize(harness, PROMOTIONAL, "a", Some(1), what).await;
        assert_eq!(verdict.denial, None, "{what}");
        left.push(verdict.trial.remaining_resources);
    }
    assert_eq!(left, [Some(1), Some(1), Some(0)]);
    let third = authorize(harness, PROMOTIONAL, "a", Some(1), "three").await;
    assert_eq!((third.denial, third.trial.state), (Some(Denial::Exhausted), TrialState::Exhausted));
    assert_eq!(authorize(harness, PROMOTIONAL, "a", Some(1), "two").await.denial, None);
    let used = get(harness, PROMOTIONAL, "a", Some(1)).await.used_resources;
    assert_eq!(used, [resource("one"), resource("two")]);
    harness.time().pass(PROMOTIONAL.ttl).await;
    assert_eq!(authorize(harness, PROMOTIONAL, "a", Some(1), "two").await.denial, Some(Denial::Expired));
}

/// Two devices of one user cannot both get the last resource.
pub(crate) async fn one_of_many_concurrent_requests_gets_the_last_resource(harness: &impl Harness) {
    authorize(harness, PROMOTIONAL, "a", Some(1), "first").await;
    let trials = harness.store().trials;
    let verdicts = race(16, move |index| {
        let trials = trials.clone();
        let device = format!("device {index}");
        let authorization = authorization(PROMOTIONAL, identity(&device, Some(1)), &format!("{index}"));
        async move { trials.authorize(authorization).await.expect("the store works") }
    })
    .await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.denial.is_none()).count(), 1);
    assert_eq!(get(harness, PROMOTIONAL, "a", Some(1)).await.used_resources.len(), 2);
}

/// A user who starts on many devices concurrently has one trial.
pub(crate) async fn concurrent_starts_create_one_trial(harness: &impl Harness) {
    let trials = harness.store().trials;
    race(16, move |index| {
        let trials = trials.clone();
        let authorization = authorization(PROMOTIONAL, identity(&format!("{index}"), Some(1)), "one");
        async move { trials.authorize(authorization).await.expect("the store works") }
    })
    .await;
    let all: Vec<_> = harness.store().trials.scan().try_collect().await.expect("the store works");
    assert_eq!(all.len(), 1);
}

/// If one of device and key has a trial, the other is bound to it.
pub(crate) async fn a_new_device_or_key_continues_the_trial_of_the_other_side(harness: &impl Harness) {
    let start = harness.time().read();
    authorize(harness, PROMOTIONAL, "a", Some(1), "one").await;
    harness.time().pass(MINUTE).await;
    let new_device = authorize(harness, PROMOTIONAL, "b", Some(1), "two").await;
    assert_eq!((new_device.denial, new_device.trial.start_time), (None, Some(start)));
    let new_key = authorize(harness, PROMOTIONAL, "b", Some(2), "three").await;
    assert_eq!(new_key.denial, Some(Denial::Exhausted), "b is bound to the trial of key 1");
    let over_the_new_key = authorize(harness, PROMOTIONAL, "c", Some(2), "three").await;
    assert_eq!(
        over_the_new_key.denial,
        Some(Denial::Exhausted),
        "key 2 is bound to it too, although it was denied"
    );
    assert_eq!(authorize(harness, PROMOTIONAL, "d", Some(3), "three").await.denial, None);
}

/// Two trials of one identity are not merged.
pub(crate) async fn the_stricter_of_two_trials_decides_and_both_are_used(harness: &impl Harness) {
    authorize(harness, PROMOTIONAL, "a", Some(1), "one").await;
    harness.time().pass(MINUTE).await;
    authorize(harness, PROMOTIONAL, "b", Some(2), "two").await;
    let met = authorize(harness, PROMOTIONAL, "a", Some(2), "three").await;
    assert_eq!((met.denial, met.trial.remaining_resources), (None, Some(0)));
    for (device, key) in [("a", 1), ("b", 2)] {
        let trial = get(harness, PROMOTIONAL, device, Some(key)).await;
        assert_eq!(trial.state, TrialState::Exhausted, "{device}");
    }
    let one = authorize(harness, PROMOTIONAL, "a", Some(2), "one").await;
    assert_eq!(one.denial, Some(Denial::Exhausted), "the trial of key 2 does not include it");
    harness.time().pass(PROMOTIONAL.ttl - MINUTE).await;
    assert_eq!(get(harness, PROMOTIONAL, "b", Some(2)).await.state, TrialState::Exhausted);
    assert_eq!(
        get(harness, PROMOTIONAL, "a", Some(2)).await.state,
        TrialState::Expired,
        "the older trial decides"
    );
}

/// A reset by any device or key deletes the whole trial.
pub(crate) async fn a_reset_deletes_the_trial_for_every_device_and_key_bound_to_it(harness: &impl Harness) {
    for target in [device("a"), device("b"), ResetTarget::Key(generic_key(1))] {
        authorize(harness, PROMOTIONAL, "a", Some(1), "one").await;
        authorize(harness, PROMOTIONAL, "b", Some(1), "two").await;
        assert_eq!(reset(harness, target.clone()).await, Some(1));
        assert_eq!(reset(harness, target.clone()).await, Some(0));
        for (device, key) in [("a", 1), ("b", 1), ("b", 2), ("c", 1)] {
            let trial = get(harness, PROMOTIONAL, device, Some(key)).await;
            assert_eq!(trial.state, TrialState::NotStarted, "{target:?} {device} {key}");
        }
        harness.time().pass(MINUTE).await;
    }
    assert_eq!(reset(harness, device("unknown")).await, Some(0));
}

/// The non-empty fields of a reset must match the trial.
pub(crate) async fn a_reset_matches_the_application_of_the_first_authorization(harness: &impl Harness) {
    let application = |app_id: &str, device_user: &str| TrialApplication {
        app_id: app_id.to_owned(),
        device_user: device_user.to_owned(),
    };
    let mut first = authorization(BASIC, identity("a", None), "one");
    first.application = application("app", "user");
    let trials = harness.store().trials;
    trials.authorize(first).await.expect("the store works");
    let (key, target) = (temp_pass("TempPass"), device("a"));
    for (asked, count) in
        [(application("other", ""), 0), (application("app", "other"), 0), (application("app", "user"), 1)]
    {
        assert_eq!(
            trials.reset(&key, &target, &asked).await.expect("the store works"),
            Some(count),
            "{asked:?}"
        );
    }
}

/// A reset of all ends every trial, however many there are.
pub(crate) async fn a_reset_of_all_ends_every_trial_of_its_temp_pass_and_no_other(harness: &impl Harness) {
    let trials = harness.store().trials;
    for device in ["a", "b", "c"] {
        authorize(harness, BASIC, device, None, "one").await;
    }
    let mut elsewhere = authorization(BASIC, identity("a", None), "one");
    elsewhere.temp_pass = temp_pass("TempPass2");
    trials.authorize(elsewhere).await.expect("the store works");
    assert_eq!(reset(harness, ResetTarget::All).await, None);
    for device in ["a", "b", "c"] {
        assert_eq!(get(harness, BASIC, device, None).await.state, TrialState::NotStarted, "{device}");
    }
    let other =
        trials.get(&temp_pass("TempPass2"), &BASIC, &identity("a", None)).await.expect("the store works");
    assert_eq!(other.state, TrialState::Active);
    harness.time().pass(MINUTE).await;
    let again = authorize(harness, BASIC, "a", None, "one").await;
    assert_eq!(again.trial.start_time, Some(harness.time().read()));
    assert_eq!(
        reset(harness, device("b")).await,
        Some(0),
        "a trial that a reset of all has ended cannot be reset again"
    );
}

/// An identity gets a new trial only after the retention.
pub(crate) async fn an_expired_trial_denies_until_its_retention_ends(harness: &impl Harness) {
    authorize(harness, BASIC, "a", None, "one").await;
    harness.time().pass(BASIC.ttl + BASIC.retention - MILLISECOND).await;
    assert_eq!(authorize(harness, BASIC, "a", None, "one").await.denial, Some(Denial::Expired));
    harness.time().pass(MILLISECOND).await;
    assert_eq!(get(harness, BASIC, "a", None).await.state, TrialState::NotStarted);
    assert_eq!(authorize(harness, BASIC, "a", None, "one").await.denial, None);
}

/// Acknowledged changes survive: starts, resources, resets of one and of all.
pub(crate) async fn trials_survive_a_reopen(harness: &impl Harness) {
    authorize(harness, PROMOTIONAL, "a", Some(1), "one").await;
    authorize(harness, PROMOTIONAL, "b", Some(2), "one").await;
    reset(harness, device("b")).await;
    let before = get(harness, PROMOTIONAL, "a", Some(1)).await;
    if !harness.reopen().await {
        return;
    }
    assert_eq!(get(harness, PROMOTIONAL, "a", Some(1)).await, before);
    assert_eq!(get(harness, PROMOTIONAL, "b", Some(2)).await.state, TrialState::NotStarted);
    reset(harness, ResetTarget::All).await;
    harness.reopen().await;
    assert_eq!(get(harness, PROMOTIONAL, "a", Some(1)).await.state, TrialState::NotStarted);
}

/// A scan returns the trials that a lookup finds.
pub(crate) async fn a_scan_returns_trials_that_are_neither_reset_nor_forgotten(harness: &impl Harness) {
    authorize(harness, BASIC, "forgotten", None, "one").await;
    harness.time().pass(BASIC.ttl + BASIC.retention).await;
    authorize(harness, BASIC, "reset", None, "one").await;
    reset(harness, device("reset")).await;
    let mut others = BTreeSet::new();
    for index in 0..600 {
        let mut other = authorization(BASIC, identity(&format!("{index}"), None), "one");
        other.temp_pass = temp_pass("TempPass2");
        others.insert(other.new_id);
        harness.store().trials.authorize(other).await.expect("the store works");
    }
    authorize(harness, BASIC, "ended by a reset of all", None, "one").await;
    reset(harness, ResetTarget::All).await;
    let seen: Vec<_> = harness.store().trials.scan().try_collect().await.expect("the store works");
    assert_eq!(seen.len(), 600);
    assert!(seen.iter().all(|(key, id, _)| *key == temp_pass("TempPass2") && others.remove(id)));
}
