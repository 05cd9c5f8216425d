use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    temp_pass::{Denial, GenericKey, TempPassKey, TrialState},
};

const RULE: TempPassRule = TempPassRule {
    ttl: Duration::from_secs(60),
    max_resources: Some(2),
    retention: Duration::from_secs(600),
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// A minimal store: finds trials, decides, and applies the changes.
#[derive(Debug, Default, Clone, PartialEq)]
struct Memory {
    trials: HashMap<Uuid, Trial>,
    devices: HashMap<u8, Uuid>,
    keys: HashMap<u8, Uuid>,
    next: u128,
}

impl Memory {
    fn known(&self, device: u8, key: u8, now: Timestamp) -> KnownTrials {
        let find = |id: Option<&Uuid>| {
            let id = *id?;
            Some(KnownTrial { id, trial: self.trials.get(&id)?.clone() })
        };
        KnownTrials::new(find(self.devices.get(&device)), find(self.keys.get(&key)), now)
    }

    fn authorize(&mut self, device: u8, key: u8, what: u8, now: Timestamp) -> (TrialVerdict, usize) {
        self.next += 1;
        let authorization = authorization(device, key, what, Uuid::from_u128(self.next));
        let (verdict, changes) = decide(self.known(device, key, now), &authorization, now);
        let count = changes.len();
        for change in changes {
            match change {
                TrialChange::Start(known) | TrialChange::Use(known) => {
                    self.trials.insert(known.id, known.trial);
                }
                TrialChange::BindDevice(binding) => drop(self.devices.insert(device, binding.id)),
                TrialChange::BindKey(binding) => drop(self.keys.insert(key, binding.id)),
            }
        }
        (verdict, count)
    }

    fn denial(&mut self, device: u8, key: u8, what: u8) -> Option<Denial> {
        self.authorize(device, key, what, NOW).0.denial
    }
}

fn authorization(device: u8, key: u8, what: u8, new_id: Uuid) -> Authorization {
    Authorization {
        temp_pass: TempPassKey {
            environment: EnvironmentName::parse("environment", "default").expect("valid"),
            requestor: RequestorId::parse("requestor", "REF").expect("valid"),
            mvpd: MvpdId::parse("mvpd", "TempPass").expect("valid"),
        },
        rule: RULE,
        identity: TrialIdentity {
            device_id: DeviceId::parse("device_id", &device.to_string()).expect("valid"),
            generic_key: Some(GenericKey::parse("generic_key", &format!("{key:064x}")).expect("valid")),
        },
        application: TrialApplication { app_id: "app".to_owned(), device_user: String::new() },
        resource: ResourceId::parse("resource", &what.to_string()).expect("valid"),
        new_id,
    }
}

#[test]
fn the_first_authorization_starts_a_trial_and_binds_device_and_key() {
    let id = Uuid::from_u128(7);
    let (verdict, changes) = decide(KnownTrials::new(None, None, NOW), &authorization(1, 1, 1, id), NOW);
    let binding = Binding { id, forget_time: NOW + RULE.ttl + RULE.retention };
    assert_eq!(changes[..2], [TrialChange::BindDevice(binding), TrialChange::BindKey(binding)]);
    assert!(matches!(&changes[2..], [TrialChange::Start(known)] if known.id == id));
    assert_eq!((verdict.denial, verdict.trial.remaining_resources), (None, Some(1)));
}

#[test]
fn a_denied_authorization_binds_a_new_device_or_key_to_the_existing_trial() {
    let mut memory = Memory::default();
    assert_eq!([1, 2].map(|what| memory.denial(1, 1, what)), [None, None]);
    assert_eq!(memory.denial(2, 1, 3), Some(Denial::Exhausted), "a new device");
    assert_eq!(memory.denial(2, 2, 3), Some(Denial::Exhausted), "a new key");
    assert_eq!(
        (memory.trials.len(), memory.devices[&2], memory.keys[&2]),
        (1, memory.devices[&1], memory.keys[&1])
    );
}

#[test]
fn the_stricter_of_two_trials_decides_and_both_count() {
    let mut memory = Memory::default();
    memory.denial(1, 1, 1);
    memory.denial(2, 2, 2);
    assert_eq!(memory.denial(1, 2, 3), None);
    assert!(memory.trials.values().all(|trial| trial.used_resources.len() == 2));
    assert_eq!(memory.denial(1, 2, 1), Some(Denial::Exhausted), "trial 2 has not used resource 1");
    assert_eq!(memory.trials.len(), 2, "the trials are not merged");
}

#[test]
fn trials_past_their_retention_have_no_bindings() {
    let mut memory = Memory::default();
    memory.denial(1, 1, 1);
    let forget_time = NOW + RULE.ttl + RULE.retention;
    let last = Timestamp::from_millis(forget_time.as_millis() - 1);
    assert_eq!(view(memory.known(1, 1, last), &RULE, last).state, TrialState::Expired);
    assert_eq!(view(memory.known(1, 1, forget_time), &RULE, forget_time).state, TrialState::NotStarted);
    assert_eq!(memory.authorize(1, 1, 1, forget_time).0.denial, None);
    assert_eq!(memory.trials.len(), 2);
}

#[test]
fn a_reset_deletes_the_trial_that_counts_and_matches() {
    let mut memory = Memory::default();
    memory.denial(1, 1, 1);
    let bound = || {
        let id = memory.devices[&1];
        Some(KnownTrial { id, trial: memory.trials[&id].clone() })
    };
    let asked = |app_id: &str| TrialApplication { app_id: app_id.to_owned(), device_user: String::new() };
    assert_eq!(decide_reset(bound(), &asked(""), NOW), bound());
    assert_eq!(decide_reset(bound(), &asked("app"), NOW), bound());
    assert_eq!(decide_reset(bound(), &asked("other"), NOW), None);
    assert_eq!(decide_reset(bound(), &asked(""), NOW + RULE.ttl + RULE.retention), None);
    assert_eq!(decide_reset(None, &asked(""), NOW), None);
}

proptest! {
    /// For any earlier authorizations of any identities.
    #[test]
    fn authorizations_are_repeatable_and_never_exceed_the_resource_limit(
        calls in prop::collection::vec((0_u8..4, 0_u8..4, 0_u8..4, 0_u64..40_000), 1..60),
    ) {
        let (mut memory, mut now) = (Memory::default(), NOW);
        for (device, key, what, wait) in calls {
            now = now + Duration::from_millis(wait);
            let before = memory.clone();
            let (verdict, _) = memory.authorize(device, key, what, now);
            prop_assert!(memory.trials.values().all(|trial| trial.used_resources.len() <= 2));
            prop_assert!(memory.devices.contains_key(&device) && memory.keys.contains_key(&key));
            if verdict.denial.is_some() {
                prop_assert_eq!(&before.trials, &memory.trials, "a denial changes no trial");
            }
            let shown = view(memory.known(device, key, now), &RULE, now);
            prop_assert_eq!(&shown, &verdict.trial, "the view after the decision is the trial of the verdict");
            let (again, changes) = memory.authorize(device, key, what, now);
            prop_assert_eq!((again, changes), (verdict, 0), "a repeat needs no commit");
        }
    }
}
