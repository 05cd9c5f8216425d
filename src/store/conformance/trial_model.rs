//! Trials compared with a simple model: random authorizations, resets and times, for both kinds of TempPass.

use std::{collections::HashMap, time::Duration};

use super::{
    Harness,
    trials::{BASIC, PROMOTIONAL, generic_key, identity, new_id, resource, temp_pass},
};
use crate::domain::{
    clock::Timestamp,
    id::DeviceId,
    port::Authorization,
    temp_pass::{ResetTarget, TempPassRule, TrialApplication},
};

/// The number of random steps.
const STEPS: usize = 3_000;

#[derive(Debug, Clone, Default)]
struct ModelTrial {
    start: u64,
    resources: Vec<u8>,
}

/// The rules in their simplest form: which trial each device and key is bound to, and the resources of each trial.
#[derive(Debug, Default)]
struct TrialModel {
    trials: HashMap<usize, ModelTrial>,
    devices: HashMap<u8, usize>,
    keys: HashMap<u8, usize>,
    next: usize,
}

impl TrialModel {
    fn of(&self, device: u8, key: Option<u8>) -> (Option<usize>, Option<usize>) {
        let lives = |id: &&usize| self.trials.contains_key(id);
        let device = self.devices.get(&device).filter(lives).copied();
        (device, key.and_then(|key| self.keys.get(&key).filter(lives).copied()))
    }

    fn permits(&mut self, rule: &TempPassRule, now: u64, device: u8, key: Option<u8>, what: u8) -> bool {
        let (of_device, of_key) = self.of(device, key);
        let Some(any) = of_device.or(of_key) else {
            let id = self.next;
            self.next += 1;
            self.trials.insert(id, ModelTrial { start: now, resources: vec![what] });
            self.devices.insert(device, id);
            key.map(|key| self.keys.insert(key, id));
            return true;
        };
        self.devices.insert(device, of_device.unwrap_or(any));
        key.map(|key| self.keys.insert(key, of_key.unwrap_or(any)));
        let ids: Vec<_> = of_device.into_iter().chain(of_key).collect();
        let permits = ids.iter().all(|id| {
            let trial = &self.trials[id];
            let full = rule.max_resources.is_some_and(|max| trial.resources.len() >= max as usize);
            now < trial.start + millis(rule.ttl) && (!full || trial.resources.contains(&what))
        });
        if permits {
            for id in ids {
                let trial = self.trials.get_mut(&id).expect("lives");
                if !trial.resources.contains(&what) {
                    trial.resources.push(what);
                }
            }
        }
        permits
    }

    fn forget(&mut self, rule: &TempPassRule, now: u64) {
        self.trials.retain(|_, trial| now < trial.start + millis(rule.ttl + rule.retention));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("not that long")
}

/// The same steps on the store and on the model have the same results.
pub(crate) async fn random_authorizations_and_resets_match_a_simple_model(harness: &impl Harness) {
    for (name, rule, has_keys) in [("basic", BASIC, false), ("promotional", PROMOTIONAL, true)] {
        let mut random = fastrand::Rng::with_seed(7);
        let mut model = TrialModel::default();
        let (temp_pass, trials) = (temp_pass(name), harness.store().trials);
        for step in 0..STEPS {
            let (device, user, what) = (random.u8(..6), random.u8(..6), random.u8(..4));
            let key = has_keys.then_some(user);
            let now = Timestamp::as_millis(harness.time().read());
            model.forget(&rule, now);
            match random.u8(..100) {
                0..80 => {
                    let expected = model.permits(&rule, now, device, key, what);
                    let authorization = Authorization {
                        temp_pass: temp_pass.clone(),
                        rule,
                        identity: identity(&device.to_string(), key),
                        application: TrialApplication::default(),
                        resource: resource(&what.to_string()),
                        new_id: new_id(),
                    };
                    let verdict = trials.authorize(authorization).await.expect("the store works");
                    assert_eq!(
                        verdict.denial.is_none(),
                        expected,
                        "{name}, step {step}: {verdict:?} {model:?}"
                    );
                }
                80..90 => {
                    let id = model.of(device, None).0;
                    id.map(|id| model.trials.remove(&id));
                    let target = DeviceId::parse("device_id", &device.to_string()).expect("valid");
                    let nothing_asked = TrialApplication::default();
                    let count = trials.reset(&temp_pass, &ResetTarget::Device(target), &nothing_asked).await;
                    assert_eq!(
                        count.expect("the store works"),
                        Some(u64::from(id.is_some())),
                        "{name}, step {step}"
                    );
                }
                90..95 if has_keys => {
                    let id = model.of(u8::MAX, Some(user)).1;
                    id.map(|id| model.trials.remove(&id));
                    let target = ResetTarget::Key(generic_key(user));
                    let count = trials.reset(&temp_pass, &target, &TrialApplication::default()).await;
                    assert_eq!(
                        count.expect("the store works"),
                        Some(u64::from(id.is_some())),
                        "{name}, step {step}"
                    );
                }
                95..97 => {
                    model.trials.clear();
                    let all = trials.reset(&temp_pass, &ResetTarget::All, &TrialApplication::default()).await;
                    assert_eq!(all.expect("the store works"), None);
                }
                _ => {
                    let jumps = [1, 60, 3_600, 90_000];
                    harness.time().pass(Duration::from_secs(jumps[usize::from(random.u8(..4))])).await;
                }
            }
        }
    }
}
