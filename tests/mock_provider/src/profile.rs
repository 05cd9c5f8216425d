//! Profiles: who has logged in on a device, v2.

mod order;
mod read;
mod temporary;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::owner::Owner;

pub(crate) use order::ProfileOrder;
pub(crate) use read::{all, answer, by_code, by_mvpd};

/// A viewer's login on a device.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// What it came of.
    pub kind: ProfileType,
    /// When it begins, in milliseconds since the epoch.
    pub not_before: i64,
    /// When it ends.
    pub not_after: i64,
    /// Who made it.
    pub issuer: String,
    /// What it tells of the viewer.
    pub attributes: Map<String, Value>,
    /// The session that it came of.
    pub session: Option<Uuid>,
    /// Whether it was taken back before its end.
    pub is_invalidated: bool,
}

/// What a profile came of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum ProfileType {
    /// A login with the operator.
    #[default]
    #[serde(rename = "regular")]
    Regular,
    /// An operator that is not asked.
    #[serde(rename = "degraded")]
    Degraded,
    /// A TempPass.
    #[serde(rename = "temporary")]
    Temporary,
    /// Single sign-on with Apple.
    #[serde(rename = "appleSSO")]
    AppleSso,
    /// Single sign-on of another platform.
    #[serde(rename = "platformSSO")]
    PlatformSso,
    /// Single sign-on with the programmer's own token.
    #[serde(rename = "serviceTokenSSO")]
    ServiceTokenSso,
}

/// How a device stands with an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Standing<'a> {
    /// Its viewer is logged in.
    Valid(&'a Profile),
    /// Nobody has ever logged in, or the viewer has logged out.
    Missing,
    /// The login's time is over.
    Expired,
    /// The login was taken back.
    Invalidated,
}

/// All logins, by whose they are and by operator.
#[derive(Debug, Default)]
pub(crate) struct Profiles(HashMap<Owner, BTreeMap<String, Profile>>);

impl Profile {
    /// The profile as answers show it.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = json!({
            "notBefore": self.not_before,
            "notAfter": self.not_after,
            "issuer": self.issuer,
            "type": self.kind,
            "attributes": self.attributes,
        });
        if let Some(session) = self.session {
            shown["sessionId"] = json!(session);
        }
        shown
    }
}

impl Profiles {
    /// The viewer has logged in. A device can have a login with each operator at the same time.
    pub(crate) fn insert(&mut self, owner: Owner, mvpd: &str, profile: Profile) {
        self.0.entry(owner).or_default().insert(mvpd.to_owned(), profile);
    }

    /// How the device stands with the operator.
    pub(crate) fn find(&self, owner: &Owner, mvpd: &str, now: i64) -> Standing<'_> {
        match self.0.get(owner).and_then(|profiles| profiles.get(mvpd)) {
            None => Standing::Missing,
            Some(profile) => profile.standing(now),
        }
    }

    /// The logins that are valid, by operator.
    pub(crate) fn valid(&self, owner: &Owner, now: i64) -> impl Iterator<Item = (&str, &Profile)> {
        let profiles = self.0.get(owner).into_iter().flatten();
        let valid = profiles.filter(move |(_, profile)| matches!(profile.standing(now), Standing::Valid(_)));
        valid.map(|(mvpd, profile)| (mvpd.as_str(), profile))
    }

    /// The viewer has logged out.
    pub(crate) fn remove(&mut self, owner: &Owner, mvpd: &str) {
        if let Some(profiles) = self.0.get_mut(owner) {
            profiles.remove(mvpd);
        }
    }

    /// Takes back the logins that are meant, and says how many those are.
    pub(crate) fn invalidate(&mut self, is_meant: impl Fn(&Owner, &str) -> bool) -> usize {
        let mut count = 0;
        for (owner, profiles) in &mut self.0 {
            for (_, profile) in profiles.iter_mut().filter(|(mvpd, _)| is_meant(owner, mvpd)) {
                profile.is_invalidated = true;
                count += 1;
            }
        }
        count
    }
}

impl Profile {
    fn standing(&self, now: i64) -> Standing<'_> {
        if self.is_invalidated {
            Standing::Invalidated
        } else if self.not_after <= now {
            Standing::Expired
        } else {
            Standing::Valid(self)
        }
    }
}
