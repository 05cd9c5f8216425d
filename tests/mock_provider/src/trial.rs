//! Trials, which the provider calls TempPass (reference, section 3).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attribute::{identifier, plain};

/// The limits of a TempPass.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialLimits {
    /// The duration; zero or negative means a misconfigured TempPass.
    pub duration_ms: i64,
    /// The maximum number of resources, if it is promotional.
    #[serde(default)]
    pub max_resources: Option<usize>,
}

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

impl TrialLimits {
    /// Returns whether the configuration is valid.
    pub(crate) fn is_valid(&self) -> bool {
        self.duration_ms > 0
    }

    /// Returns whether it is promotional, that is, bound to viewers and devices.
    pub(crate) fn is_promotional(&self) -> bool {
        self.max_resources.is_some()
    }
}

pub(crate) fn holders(limits: &TrialLimits, device: String, identity: Option<String>) -> Vec<TrialHolder> {
    let identity = identity.filter(|_| limits.is_promotional()).map(TrialHolder::Identity);
    [TrialHolder::Device(device)].into_iter().chain(identity).collect()
}

impl Trials {
    /// The trial of any of the holders. If several have one, the stricter limits apply.
    pub(crate) fn find(&self, service_provider: &str, mvpd: &str, holders: &[TrialHolder]) -> Option<Trial> {
        let trials = self.0.get(&key(service_provider, mvpd))?;
        holders.iter().filter_map(|holder| trials.get(holder)).cloned().reduce(Trial::merge)
    }

    /// Stores the trial for each of the holders.
    pub(crate) fn keep(
        &mut self,
        service_provider: &str,
        mvpd: &str,
        holders: Vec<TrialHolder>,
        trial: &Trial,
    ) {
        let trials = self.0.entry(key(service_provider, mvpd)).or_default();
        trials.extend(holders.into_iter().map(|holder| (holder, trial.clone())));
    }

    /// Resets the trials of these holders.
    pub(crate) fn reset(
        &mut self,
        service_provider: &str,
        mvpd: &str,
        matches: impl Fn(&TrialHolder) -> bool,
    ) {
        if let Some(trials) = self.0.get_mut(&key(service_provider, mvpd)) {
            trials.retain(|holder, _| !matches(holder));
        }
    }
}

fn key(service_provider: &str, mvpd: &str) -> (String, String) {
    (service_provider.to_owned(), mvpd.to_owned())
}

impl Trial {
    /// A trial that starts now.
    pub(crate) fn start(now: i64) -> Self {
        Self { started: now, resources: Vec::new() }
    }

    fn merge(mut self, other: Self) -> Self {
        self.started = self.started.min(other.started);
        let more = other.resources.into_iter().filter(|resource| !self.resources.contains(resource));
        let more: Vec<_> = more.collect();
        self.resources.extend(more);
        self
    }

    pub(crate) fn expiry(&self, limits: &TrialLimits) -> i64 {
        self.started.saturating_add(limits.duration_ms)
    }

    pub(crate) fn is_expired(&self, limits: &TrialLimits, now: i64) -> bool {
        now >= self.expiry(limits)
    }

    /// Uses the resource. An already used one can be used until the trial expires.
    pub(crate) fn take(&mut self, resource: &str, limits: &TrialLimits, now: i64) -> Result<(), Denial> {
        if self.is_expired(limits, now) {
            return Err(Denial::Duration);
        }
        let Some(max) = limits.max_resources else { return Ok(()) };
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
    pub(crate) fn is_used_up(&self, limits: &TrialLimits, now: i64) -> Option<Denial> {
        if self.is_expired(limits, now) {
            return Some(Denial::Duration);
        }
        let has_all = limits.max_resources.is_some_and(|max| self.resources.len() >= max);
        has_all.then_some(Denial::Resources)
    }

    /// The trial as a profile of this device.
    pub(crate) fn to_json(&self, limits: &TrialLimits, device: &str) -> Value {
        let mut attributes = json!({
            "expiration_date": plain(json!(self.expiry(limits))),
            "userID": plain(json!(format!("temppass_{}", identifier(device)))),
        });
        if let Some(max) = limits.max_resources {
            attributes["remaining_resources"] = plain(json!(max.saturating_sub(self.resources.len())));
            attributes["used_assets"] = plain(json!(self.resources));
        }
        json!({
            "notBefore": self.started,
            "notAfter": self.expiry(limits),
            "issuer": "Adobe",
            "type": "temporary",
            "attributes": attributes,
        })
    }
}
