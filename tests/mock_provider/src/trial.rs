//! Trials, which the provider calls TempPass (reference, section 3).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attribute::{identifier, plain};

/// The limits of a TempPass.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The duration; zero or negative means a misconfigured TempPass.
    pub duration_ms: i64,
    /// The maximum number of resources, if it is promotional.
    #[serde(default)]
    pub max_resources: Option<usize>,
}

/// The subject of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TrialHolder {
    /// A device, by its decoded fingerprint.
    Device(String),
    /// A viewer, by identity.
    Identity(String),
}

/// A started trial.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    started: i64,
    resources: Vec<String>,
}

/// Why a trial does not authorize.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Denial {
    /// It has expired.
    Duration,
    /// Its resources are used up.
    Resources,
}

/// All trials. A device and a viewer that used a trial together share its use, but each can be reset separately.
#[derive(Debug, Default)]
pub(crate) struct Trials(HashMap<(String, String), HashMap<TrialHolder, Trial>>);

impl Rule {
    /// Returns whether the configuration is valid.
    pub(crate) fn is_valid(&self) -> bool {
        self.duration_ms > 0
    }

    /// Returns whether it is promotional, that is, bound to viewers and devices.
    pub(crate) fn is_promotional(&self) -> bool {
        self.max_resources.is_some()
    }
}

/// The subjects of this trial.
pub(crate) fn subjects(rule: &Rule, device: String, identity: Option<String>) -> Vec<TrialHolder> {
    let identity = identity.filter(|_| rule.is_promotional()).map(TrialHolder::Identity);
    [TrialHolder::Device(device)].into_iter().chain(identity).collect()
}

impl Trials {
    /// The trial of any of the subjects. If several have one, the stricter limits apply.
    pub(crate) fn find(&self, service_provider: &str, mvpd: &str, subjects: &[TrialHolder]) -> Option<Trial> {
        let trials = self.0.get(&key(service_provider, mvpd))?;
        subjects.iter().filter_map(|subject| trials.get(subject)).cloned().reduce(Trial::merge)
    }

    /// Stores the trial for each of the subjects.
    pub(crate) fn keep(
        &mut self,
        service_provider: &str,
        mvpd: &str,
        subjects: Vec<TrialHolder>,
        trial: &Trial,
    ) {
        let trials = self.0.entry(key(service_provider, mvpd)).or_default();
        trials.extend(subjects.into_iter().map(|subject| (subject, trial.clone())));
    }

    /// Resets the trials of these subjects.
    pub(crate) fn reset(
        &mut self,
        service_provider: &str,
        mvpd: &str,
        is_meant: impl Fn(&TrialHolder) -> bool,
    ) {
        if let Some(trials) = self.0.get_mut(&key(service_provider, mvpd)) {
            trials.retain(|subject, _| !is_meant(subject));
        }
    }
}

fn key(service_provider: &str, mvpd: &str) -> (String, String) {
    (service_provider.to_owned(), mvpd.to_owned())
}

impl Trial {
    /// A trial that starts now.
    pub(crate) fn begin(now: i64) -> Self {
        Self { started: now, resources: Vec::new() }
    }

    fn merge(mut self, other: Self) -> Self {
        self.started = self.started.min(other.started);
        let more = other.resources.into_iter().filter(|resource| !self.resources.contains(resource));
        let more: Vec<_> = more.collect();
        self.resources.extend(more);
        self
    }

    /// Its expiry.
    pub(crate) fn ends(&self, rule: &Rule) -> i64 {
        self.started.saturating_add(rule.duration_ms)
    }

    /// Returns whether it has expired.
    pub(crate) fn is_over(&self, rule: &Rule, now: i64) -> bool {
        now >= self.ends(rule)
    }

    /// Uses the resource. An already used one can be used until the trial expires.
    pub(crate) fn take(&mut self, resource: &str, rule: &Rule, now: i64) -> Result<(), Denial> {
        if self.is_over(rule, now) {
            return Err(Denial::Duration);
        }
        let Some(max) = rule.max_resources else { return Ok(()) };
        if self.resources.iter().any(|used| used == resource) {
            return Ok(());
        }
        if self.resources.len() >= max {
            return Err(Denial::Resources);
        }
        self.resources.push(resource.to_owned());
        Ok(())
    }

    /// The denial of a resource that was not used yet, if any.
    pub(crate) fn is_used_up(&self, rule: &Rule, now: i64) -> Option<Denial> {
        if self.is_over(rule, now) {
            return Some(Denial::Duration);
        }
        let has_all = rule.max_resources.is_some_and(|max| self.resources.len() >= max);
        has_all.then_some(Denial::Resources)
    }

    /// The trial as a profile of this device.
    pub(crate) fn to_json(&self, rule: &Rule, device: &str) -> Value {
        let mut attributes = json!({
            "expiration_date": plain(json!(self.ends(rule))),
            "userID": plain(json!(format!("temppass_{}", identifier(device)))),
        });
        if let Some(max) = rule.max_resources {
            attributes["remaining_resources"] = plain(json!(max.saturating_sub(self.resources.len())));
            attributes["used_assets"] = plain(json!(self.resources));
        }
        json!({
            "notBefore": self.started,
            "notAfter": self.ends(rule),
            "issuer": "Adobe",
            "type": "temporary",
            "attributes": attributes,
        })
    }
}
