//! The rules of trials: bindings, decisions and counting. They are pure functions. A store reads the known trials, and
//! applies the changes in the same commit in which it verifies that those trials have not changed. It has no rules of its
//! own.

use uuid::Uuid;

use super::{HolderDigest, ResourceId, TempPassRule, Trial, TrialApplication, TrialIdentity, TrialView};
use crate::domain::{
    clock::Timestamp,
    port::{Authorization, TrialVerdict},
};

/// A trial with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownTrial {
    pub id: Uuid,
    pub trial: Trial,
}

impl KnownTrial {
    /// Whether the trial still counts: its retention has not ended. A binding to any other trial is void.
    #[must_use]
    pub(crate) fn counts(&self, now: Timestamp) -> bool {
        now < self.trial.forget_time
    }
}

/// The trials that the device and the generic key of an identity are bound to, if they count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownTrials {
    device: Option<KnownTrial>,
    key: Option<KnownTrial>,
}

/// A change by an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialChange {
    Start(KnownTrial),
    /// The trial has one more used resource, the last one.
    Use(KnownTrial),
    /// The device is bound to a trial.
    BindDevice(Binding),
    /// The generic key is bound to a trial.
    BindKey(Binding),
}

/// A binding of a device or a generic key to a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The id of the trial.
    pub id: Uuid,
    /// When the retention of the trial, and of the binding, ends.
    pub forget_time: Timestamp,
}

impl KnownTrials {
    /// Creates the value from the trials that the device and the generic key are bound to. Drops those that no longer count.
    #[must_use]
    pub(crate) fn new(device: Option<KnownTrial>, key: Option<KnownTrial>, now: Timestamp) -> Self {
        let counting = |known: Option<KnownTrial>| known.filter(|known| known.counts(now));
        Self { device: counting(device), key: counting(key) }
    }

    /// Returns the distinct trials.
    fn into_trials(self) -> Vec<KnownTrial> {
        match (self.device, self.key) {
            (Some(device), Some(key)) if device.id == key.id => vec![device],
            (device, key) => device.into_iter().chain(key).collect(),
        }
    }

    /// Returns the bindings to create: an unbound device or key is bound to the trial of the other one, or to the new trial.
    fn bindings(&self, identity: &TrialIdentity, new: Binding) -> Vec<TrialChange> {
        let binding = |other: &Option<KnownTrial>| {
            other.as_ref().map_or(new, |known| Binding { id: known.id, forget_time: known.trial.forget_time })
        };
        let device = self.device.is_none().then(|| TrialChange::BindDevice(binding(&self.key)));
        let binds_key = identity.generic_key.is_some() && self.key.is_none();
        let key = binds_key.then(|| TrialChange::BindKey(binding(&self.device)));
        device.into_iter().chain(key).collect()
    }
}

/// Returns the view of an identity's stricter trial.
#[must_use]
pub(crate) fn view(known: KnownTrials, rule: &TempPassRule, now: Timestamp) -> TrialView {
    strictest(&known.into_trials(), rule, now)
}

/// Decides an authorization, and returns its changes. A denied authorization also creates bindings. Without changes, the
/// decision needs no commit.
#[must_use]
pub(crate) fn decide(
    known: KnownTrials,
    authorization: &Authorization,
    now: Timestamp,
) -> (TrialVerdict, Vec<TrialChange>) {
    let Authorization { rule, identity, resource, new_id, .. } = authorization;
    let new = Binding { id: *new_id, forget_time: now + rule.ttl + rule.retention };
    let mut changes = known.bindings(identity, new);
    let mut trials = known.into_trials();
    let denial = if trials.is_empty() {
        let started = KnownTrial { id: new.id, trial: start(authorization, new.forget_time, now) };
        changes.push(TrialChange::Start(started.clone()));
        trials.push(started);
        None
    } else {
        trials.sort_by_key(|known| known.trial.strictness(rule, now));
        trials.iter().find_map(|known| known.trial.denial(resource, rule, now))
    };
    if denial.is_none() && rule.is_promotional() {
        for known in trials.iter_mut().filter(|known| !known.trial.has(resource)) {
            known.trial.used_resources.push(resource.clone());
            changes.push(TrialChange::Use(known.clone()));
        }
    }
    let trial = strictest(&trials, rule, now);
    (TrialVerdict { denial, trial, media_token: None }, changes)
}

/// Returns the trial to delete by a reset: the one that its target is bound to, if it counts and matches the reset.
#[must_use]
pub(crate) fn decide_reset(
    bound: Option<KnownTrial>,
    application: &TrialApplication,
    now: Timestamp,
) -> Option<KnownTrial> {
    bound.filter(|known| known.counts(now) && known.trial.application.matches(application))
}

fn start(authorization: &Authorization, forget_time: Timestamp, now: Timestamp) -> Trial {
    let Authorization { rule, identity, application, resource, .. } = authorization;
    let used_resources: Vec<ResourceId> =
        if rule.is_promotional() { vec![resource.clone()] } else { Vec::new() };
    Trial {
        device: HolderDigest::of_device(&identity.device_id),
        start_time: now,
        forget_time,
        application: application.clone(),
        used_resources,
    }
}

fn strictest(trials: &[KnownTrial], rule: &TempPassRule, now: Timestamp) -> TrialView {
    let strictest = trials.iter().map(|known| &known.trial).min_by_key(|trial| trial.strictness(rule, now));
    strictest.map_or_else(|| TrialView::not_started(rule), |trial| trial.view(rule, now))
}

#[cfg(test)]
mod tests;
