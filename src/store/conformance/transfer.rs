//! Copies from store to store. The other store is an embedded one with the same time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::TryStreamExt;

use super::{
    Harness,
    sample::{self, NO_LIMIT, TTL, entry, insert, insert_for, ledger_key, ledger_kind, registration, shadow},
    trials::{BASIC, PROMOTIONAL, generic_key, identity, new_id, resource, temp_pass},
};
use crate::{
    domain::{
        clock::ManualClock,
        id::DeviceId,
        port::{Authorization, Insertion, Restoration, Store, TrialVerdict, Trials},
        registration_code::{CodeEntry, CodeState, QUARANTINE, RegistrationCode},
        temp_pass::{Denial, ResetTarget, TempPassRule, TrialApplication, TrialState},
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Another store, whose time advances with the harness's.
struct OtherStore {
    clock: Arc<ManualClock>,
    store: Store,
    _folder: tempfile::TempDir,
}

impl OtherStore {
    fn beside(harness: &impl Harness) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(harness.time().read());
        let options =
            EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
        let store = EmbeddedStore::open(options).expect("opens").ports();
        Self { clock, store, _folder: folder }
    }

    async fn pass(&self, harness: &impl Harness, time: Duration) {
        harness.time().pass(time).await;
        self.clock.advance(time);
    }
}

async fn codes(store: &Store) -> HashMap<String, CodeEntry> {
    let codes: Vec<_> = store.transfer.codes().try_collect().await.expect("the store works");
    codes.into_iter().map(|entry| (entry.registration.code.as_str().to_owned(), entry)).collect()
}

/// Copies codes and trials, and returns the outcome of each.
async fn copy(from: &Store, to: &Store) -> Vec<Restoration> {
    let mut restorations = Vec::new();
    for entry in codes(from).await.values() {
        restorations.push(to.transfer.restore_code(entry).await.expect("the store works"));
    }
    to.transfer.recount_codes().await.expect("the store works");
    let holdings: Vec<_> = from.transfer.holdings().try_collect().await.expect("the store works");
    for holding in holdings {
        restorations.push(to.transfer.restore_holding(&holding).await.expect("the store works"));
        assert_eq!(
            from.transfer.holding(&holding.temp_pass, &holding.holder).await.expect("the store works"),
            Some(holding.held)
        );
    }
    restorations
}

/// Copies from one store to the other, and checks that both then contain the same.
async fn move_over(from: &Store, to: &Store) {
    let restorations = copy(from, to).await;
    assert!(restorations.iter().all(|what| *what == Restoration::Restored), "{restorations:?}");
    assert_eq!(codes(to).await, codes(from).await);
    let holdings: Vec<_> = from.transfer.holdings().try_collect().await.expect("the store works");
    for holding in &holdings {
        let held = to.transfer.holding(&holding.temp_pass, &holding.holder).await.expect("the store works");
        assert_eq!(held.as_ref(), Some(&holding.held), "{holding:?}");
    }
    let moved: Vec<_> = to.transfer.holdings().try_collect().await.expect("the store works");
    assert_eq!(moved.len(), holdings.len());
    let again = copy(from, to).await;
    assert!(again.iter().all(|what| *what == Restoration::Present), "{again:?}");
}

/// Whether the store accepts a new record for a code.
async fn takes(store: &Store, registration: &RegistrationCode) -> bool {
    let inserted = store.codes.insert_if_absent(registration, NO_LIMIT, None).await;
    inserted.expect("the store works") == Insertion::Inserted
}

/// A copied code behaves the same in both stores until its last millisecond.
pub(crate) async fn codes_and_tombstones_are_copied_with_their_expiries(harness: &impl Harness) {
    let expired = insert_for(harness, "EXPIRED", Duration::from_secs(1)).await;
    let other = OtherStore::beside(harness);
    other.pass(harness, Duration::from_secs(1)).await;
    let live = insert(harness, "LIVE").await;
    let released = insert_for(harness, "RELEASED", Duration::from_secs(36_000)).await;
    let store = harness.store();
    assert!(store.codes.release(&released.key(), released.id).await.expect("the store works"));
    store.codes.adopt(&shadow(harness.time().read(), "SHADOW")).await.expect("the store works");
    other.pass(harness, Duration::from_millis(1_234)).await;
    move_over(&store, &other.store).await;

    other.pass(harness, TTL - Duration::from_millis(1_234) - MILLISECOND).await;
    let now = harness.time().read();
    for store in [&store, &other.store] {
        let found = store.codes.get(&live.key()).await.expect("the store works").expect("is there");
        assert!(found.state(now) == CodeState::Pending);
        assert_eq!(store.codes.get(&expired.key()).await.expect("the store works"), None);
        assert!(!store.codes.release(&released.key(), released.id).await.expect("the store works"));
    }
    other.pass(harness, MILLISECOND).await;
    for store in [&store, &other.store] {
        assert!(!store.codes.release(&live.key(), live.id).await.expect("the store works"), "has expired");
        let next = registration(harness.time().read(), "RELEASED", TTL);
        assert!(!takes(store, &next).await, "a tombstone holds its code");
    }
    other.pass(harness, QUARANTINE).await;
    for store in [&store, &other.store] {
        assert!(takes(store, &registration(harness.time().read(), "LIVE", TTL)).await);
    }
}

/// The count is correct, even after a copy that was started twice.
pub(crate) async fn copied_codes_are_counted_once_and_are_not_limited(harness: &impl Harness) {
    let other = OtherStore::beside(harness);
    let now = harness.time().read();
    for code in ["A", "B", "C", "RELEASED"] {
        assert!(takes(&other.store, &registration(now, code, TTL)).await);
    }
    let released = registration(now, "RELEASED", TTL);
    assert!(other.store.codes.release(&released.key(), released.id).await.expect("the store works"));
    let store = harness.store();
    for entry in codes(&other.store).await.values() {
        store.transfer.restore_code(entry).await.expect("the store works");
    }
    copy(&other.store, &store).await;
    let live = store.codes.live_codes().await.expect("the store works");
    assert_eq!(live, [(released.environment.clone(), 3)]);
    let insert = async |code, max| {
        let registration = registration(harness.time().read(), code, TTL);
        store.codes.insert_if_absent(&registration, max, None).await.expect("the store works")
    };
    assert!(matches!(insert("D", 3).await, Insertion::Full { .. }));
    assert_eq!(insert("D", 4).await, Insertion::Inserted);
    let a = registration(now, "A", TTL);
    assert!(store.codes.release(&a.key(), a.id).await.expect("the store works"));
    assert_eq!(insert("E", 4).await, Insertion::Inserted);
    harness.time().pass(TTL + Duration::from_secs(1)).await;
    assert_eq!(store.codes.live_codes().await.expect("the store works"), [(released.environment, 0)]);
}

/// Nothing is overwritten.
pub(crate) async fn existing_records_are_not_overwritten_and_differences_are_reported(
    harness: &impl Harness,
) {
    let store = harness.store();
    let live = CodeEntry { registration: insert(harness, "LIVE").await, release_time: None };
    let released = CodeEntry { release_time: Some(harness.time().read()), ..live.clone() };
    let another =
        RegistrationCode { id: sample::id_of("another", harness.time().read()), ..live.registration.clone() };
    let another = CodeEntry { registration: another, release_time: None };
    for (entry, expected) in
        [(&live, Restoration::Present), (&released, Restoration::Differs), (&another, Restoration::Differs)]
    {
        assert_eq!(store.transfer.restore_code(entry).await.expect("the store works"), expected);
    }
    assert_eq!(store.codes.get(&live.registration.key()).await.expect("the store works"), Some(live));

    let other = OtherStore::beside(harness);
    for store in [&store, &other.store] {
        authorize(store, PROMOTIONAL, "a", Some(1), "one").await;
    }
    let restorations = copy(&other.store, &store).await;
    assert_eq!(restorations, [Restoration::Differs; 2], "different trials are never merged");
}

/// This holds for codes and for trials.
pub(crate) async fn forgotten_records_are_not_copied(harness: &impl Harness) {
    let other = OtherStore::beside(harness);
    let record = registration(harness.time().read(), "CODE", TTL);
    assert!(takes(&other.store, &record).await);
    authorize(&other.store, PROMOTIONAL, "a", Some(1), "one").await;
    let holdings: Vec<_> = other.store.transfer.holdings().try_collect().await.expect("the store works");
    assert_eq!(holdings.len(), 2);
    harness.time().pass(PROMOTIONAL.ttl + PROMOTIONAL.retention).await;
    let transfer = harness.store().transfer;
    let entry = CodeEntry { registration: record, release_time: None };
    assert_eq!(transfer.restore_code(&entry).await.expect("the store works"), Restoration::Ended);
    for holding in &holdings {
        let restored = transfer.restore_holding(holding).await.expect("the store works");
        assert_eq!(restored, Restoration::Ended);
        let held = transfer.holding(&holding.temp_pass, &holding.holder).await.expect("the store works");
        assert_eq!(held, None);
    }
    transfer.recount_codes().await.expect("the store works");
    assert!(
        harness.store().codes.live_codes().await.expect("the store works").iter().all(|(_, live)| *live == 0)
    );
}

async fn authorize(
    store: &Store,
    rule: TempPassRule,
    device: &str,
    key: Option<u8>,
    what: &str,
) -> TrialVerdict {
    let authorization = Authorization {
        temp_pass: temp_pass("TempPass"),
        rule,
        identity: identity(device, key),
        application: TrialApplication { app_id: "app".to_owned(), device_user: String::new() },
        resource: resource(what),
        new_id: new_id(),
    };
    store.trials.authorize(authorization).await.expect("the store works")
}

async fn reset(trials: &dyn Trials, target: ResetTarget, app_id: &str) -> Option<u64> {
    let asked = TrialApplication { app_id: app_id.to_owned(), device_user: String::new() };
    trials.reset(&temp_pass("TempPass"), &target, &asked).await.expect("the store works")
}

fn device(id: &str) -> ResetTarget {
    ResetTarget::Device(DeviceId::parse("device_id", id).expect("valid"))
}

/// With several devices and keys, two trials of one identity, and the application that a reset must match.
pub(crate) async fn trials_are_copied_with_all_their_bindings(harness: &impl Harness) {
    let (store, other) = (harness.store(), OtherStore::beside(harness));
    authorize(&store, PROMOTIONAL, "a", Some(1), "one").await;
    other.pass(harness, MILLISECOND).await;
    authorize(&store, PROMOTIONAL, "b", Some(1), "one").await;
    authorize(&store, PROMOTIONAL, "c", Some(2), "one").await;
    authorize(&store, PROMOTIONAL, "b", Some(2), "two").await;
    move_over(&store, &other.store).await;
    for (device, key, what, denial) in [
        ("a", Some(1), "one", None),
        ("b", Some(2), "two", None),
        ("b", Some(1), "three", Some(Denial::Exhausted)),
        ("new", Some(2), "three", Some(Denial::Exhausted)),
        ("c", Some(9), "three", Some(Denial::Exhausted)),
        ("free", Some(3), "three", None),
    ] {
        for store in [&store, &other.store] {
            assert_eq!(authorize(store, PROMOTIONAL, device, key, what).await.denial, denial, "{device}");
        }
    }
    for store in [&store, &other.store] {
        assert_eq!(reset(&*store.trials, device("b"), "another app").await, Some(0));
        assert_eq!(reset(&*store.trials, device("b"), "app").await, Some(1));
        assert_eq!(
            reset(&*store.trials, ResetTarget::Key(generic_key(1)), "").await,
            Some(0),
            "it was the same trial"
        );
        assert_eq!(reset(&*store.trials, ResetTarget::Key(generic_key(2)), "").await, Some(1));
    }
}

/// Neither reset trials nor their bindings nor earlier generations are copied.
pub(crate) async fn reset_trials_are_not_copied(harness: &impl Harness) {
    let (store, other) = (harness.store(), OtherStore::beside(harness));
    for generation in 0..2 {
        for name in ["a", "b", "c"] {
            authorize(&store, BASIC, name, None, "one").await;
        }
        if generation == 0 {
            assert_eq!(reset(&*store.trials, ResetTarget::All, "").await, None);
        }
    }
    authorize(&store, PROMOTIONAL, "d", Some(1), "one").await;
    authorize(&store, PROMOTIONAL, "e", Some(1), "one").await;
    assert_eq!(reset(&*store.trials, device("a"), "").await, Some(1));
    assert_eq!(reset(&*store.trials, device("d"), "").await, Some(1));
    move_over(&store, &other.store).await;
    let states = async |store: &Store| {
        let mut states = Vec::new();
        for device in ["a", "b", "c", "d", "e"] {
            let trial = store.trials.get(&temp_pass("TempPass"), &BASIC, &identity(device, None)).await;
            states.push(trial.expect("the store works").state);
        }
        states
    };
    let (gone, there) = (TrialState::NotStarted, TrialState::Active);
    assert_eq!(states(&other.store).await, [gone, there, there, gone, gone]);

    // Copy back, into another generation.
    reset(&*store.trials, ResetTarget::All, "").await;
    move_over(&other.store, &store).await;
    assert_eq!(states(&store).await, [gone, there, there, gone, gone]);
}

/// There are more resources than any store keeps in one record.
pub(crate) async fn a_trial_with_many_resources_is_copied_completely_and_continues(harness: &impl Harness) {
    const MANY: TempPassRule = TempPassRule { max_resources: Some(50), ..PROMOTIONAL };
    let (store, other) = (harness.store(), OtherStore::beside(harness));
    for index in 0..40 {
        authorize(&store, MANY, "a", Some(1), &format!("{index}")).await;
    }
    move_over(&store, &other.store).await;
    for index in 30..50 {
        let verdict = authorize(&other.store, MANY, "b", Some(1), &format!("{index}")).await;
        assert_eq!(verdict.denial, None, "{index}");
    }
    reset(&*store.trials, ResetTarget::All, "").await;
    move_over(&other.store, &store).await;
    let trial = store.trials.get(&temp_pass("TempPass"), &MANY, &identity("b", Some(1))).await;
    let used: Vec<_> = (0..50).map(|index| resource(&index.to_string())).collect();
    assert_eq!(trial.expect("the store works").used_resources, used);
}

/// A copy does not provide a second trial.
pub(crate) async fn a_copied_expired_trial_denies_until_its_retention_ends(harness: &impl Harness) {
    let (store, other) = (harness.store(), OtherStore::beside(harness));
    authorize(&other.store, BASIC, "a", None, "one").await;
    other.pass(harness, BASIC.ttl).await;
    move_over(&other.store, &store).await;
    other.pass(harness, BASIC.retention - MILLISECOND).await;
    assert_eq!(authorize(&store, BASIC, "a", None, "one").await.denial, Some(Denial::Expired));
    other.pass(harness, MILLISECOND).await;
    assert_eq!(authorize(&store, BASIC, "a", None, "one").await.denial, None);
}

/// This holds after any history of authorizations and resets.
pub(crate) async fn after_a_copy_both_stores_decide_random_requests_alike(harness: &impl Harness) {
    let (store, other) = (harness.store(), OtherStore::beside(harness));
    let mut random = fastrand::Rng::with_seed(11);
    let mut step = async |stores: &[&Store]| {
        let (name, user, what) = (random.u8(..8).to_string(), random.u8(..8), random.u8(..4).to_string());
        let (what_happens, wait) = (random.u8(..100), random.u64(..2_000));
        other.pass(harness, Duration::from_secs(wait)).await;
        let mut outcomes = Vec::new();
        for store in stores {
            outcomes.push(match what_happens {
                0..85 => {
                    let TrialVerdict { denial, trial, .. } =
                        authorize(store, PROMOTIONAL, &name, Some(user), &what).await;
                    (denial, Some(trial), None)
                }
                85..92 => (None, None, reset(&*store.trials, device(&name), "").await),
                92..98 => (None, None, reset(&*store.trials, ResetTarget::Key(generic_key(user)), "").await),
                _ => (None, None, reset(&*store.trials, ResetTarget::All, "").await),
            });
        }
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    };
    for _ in 0..300 {
        step(&[&store]).await;
    }
    move_over(&store, &other.store).await;
    for _ in 0..300 {
        step(&[&store, &other.store]).await;
    }
    let trials = async |store: &Store| {
        let trials: Vec<_> = store.trials.scan().try_collect().await.expect("the store works");
        trials.into_iter().map(|(_, id, trial)| (trial.device, (id, trial))).collect::<HashMap<_, _>>()
    };
    assert_eq!(trials(&store).await.len(), trials(&other.store).await.len());
}

/// Expired entries are not exported.
pub(crate) async fn live_entries_of_a_kind_are_exported_with_their_expiries(harness: &impl Harness) {
    let (ledger, now) = (harness.store().ledger, harness.time().read());
    let mut expected = HashMap::new();
    for (name, end) in [("lasts", None), ("ends", Some(now + TTL)), ("over", Some(now + MILLISECOND))] {
        let key = ledger_key("request_id", name);
        expected.insert(key.name.clone(), entry(name, end));
        assert_eq!(ledger.put_if_absent(&key, entry(name, end)).await.expect("the store works"), None);
    }
    ledger.put_if_absent(&ledger_key("revocation", "x"), entry("x", None)).await.expect("the store works");
    harness.time().pass(MILLISECOND).await;
    expected.remove(&b"over"[..]);
    let entries = harness.store().transfer.entries(ledger_kind("request_id"));
    let entries: HashMap<_, _> = entries.try_collect().await.expect("the store works");
    assert_eq!(entries, expected);
}
