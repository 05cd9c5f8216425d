//! Trials, which the provider calls TempPass (reference, section 3).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attribute::{identifier, plain};

/// What a TempPass allows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// For how long; one that is not positive is none that the provider can work with.
    pub duration_ms: i64,
    /// How many resources, if it is a promotional one.
    #[serde(default)]
    pub max_resources: Option<usize>,
}

/// Whose trial it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TrialHolder {
    /// The device's, by its decoded fingerprint.
    Device(String),
    /// The viewer's, by what the identity says.
    Identity(String),
}

/// A trial that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    started: i64,
    resources: Vec<String>,
}

/// Why a trial does not authorize.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Denial {
    /// Its time is over.
    Duration,
    /// It has as many resources as it may have.
    Resources,
}

/// All trials. A device and a viewer that met share what they have used, and yet each can be reset alone.
#[derive(Debug, Default)]
pub(crate) struct Trials(HashMap<(String, String), HashMap<TrialHolder, Trial>>);

impl Rule {
    /// Whether the provider can work with it.
    pub(crate) fn is_valid(&self) -> bool {
        self.duration_ms > 0
    }

    /// Whether it is promotional: for viewers as well as for devices.
    pub(crate) fn is_promotional(&self) -> bool {
        self.max_resources.is_some()
    }
}

/// Those whose trial this is.
pub(crate) fn subjects(rule: &Rule, device: String, identity: Option<String>) -> Vec<TrialHolder> {
    let identity = identity.filter(|_| rule.is_promotional()).map(TrialHolder::Identity);
    [TrialHolder::Device(device)].into_iter().chain(identity).collect()
}

impl Trials {
    /// The trial of any of the subjects; if several have one, what is stricter of each.
    pub(crate) fn find(&self, service_provider: &str, mvpd: &str, subjects: &[TrialHolder]) -> Option<Trial> {
        let trials = self.0.get(&key(service_provider, mvpd))?;
        subjects.iter().filter_map(|subject| trials.get(subject)).cloned().reduce(Trial::merge)
    }

    /// Keeps the trial for each of the subjects.
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
    /// A trial that begins now.
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

    /// When it ends.
    pub(crate) fn ends(&self, rule: &Rule) -> i64 {
        self.started.saturating_add(rule.duration_ms)
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, rule: &Rule, now: i64) -> bool {
        now >= self.ends(rule)
    }

    /// Uses the resource. One that was used before can be used until the time is over.
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

    /// What it would deny to a resource that it has not used yet.
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
