//! Profiles: the logins of a device, v2.

mod read;
mod spec;
mod temporary;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::owner::Owner;

pub(crate) use read::{all, answer, by_code, by_mvpd};
pub(crate) use spec::ProfileSpec;

/// A viewer's login on a device.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Its origin.
    pub kind: ProfileType,
    /// Its start, in milliseconds since the epoch.
    pub not_before: i64,
    /// Its expiry.
    pub not_after: i64,
    pub issuer: String,
    /// The viewer's attributes.
    pub attributes: Map<String, Value>,
    /// The session that created it.
    pub session: Option<Uuid>,
    /// Whether it was invalidated before its expiry.
    pub is_invalidated: bool,
}

/// The origin of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum ProfileType {
    /// A login with the operator.
    #[default]
    #[serde(rename = "regular")]
    Regular,
    /// A degraded operator.
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

/// The state of a device's login with an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LoginState<'a> {
    /// The viewer is logged in.
    Valid(&'a Profile),
    /// There was no login, or the viewer has logged out.
    Missing,
    /// The login has expired.
    Expired,
    /// The login was invalidated.
    Invalidated,
}

/// All logins, by owner and operator.
#[derive(Debug, Default)]
pub(crate) struct Profiles(HashMap<Owner, BTreeMap<String, Profile>>);

impl Profile {
    /// The profile as shown in responses.
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
    /// Adds a login. A device can have a login with each operator at the same time.
    pub(crate) fn insert(&mut self, owner: Owner, mvpd: &str, profile: Profile) {
        self.0.entry(owner).or_default().insert(mvpd.to_owned(), profile);
    }

    /// The state of the device's login with the operator.
    pub(crate) fn find(&self, owner: &Owner, mvpd: &str, now: i64) -> LoginState<'_> {
        match self.0.get(owner).and_then(|profiles| profiles.get(mvpd)) {
            None => LoginState::Missing,
            Some(profile) => profile.login_state(now),
        }
    }

    /// The valid logins, by operator.
    pub(crate) fn valid(&self, owner: &Owner, now: i64) -> impl Iterator<Item = (&str, &Profile)> {
        let profiles = self.0.get(owner).into_iter().flatten();
        let valid =
            profiles.filter(move |(_, profile)| matches!(profile.login_state(now), LoginState::Valid(_)));
        valid.map(|(mvpd, profile)| (mvpd.as_str(), profile))
    }

    /// Removes a login.
    pub(crate) fn remove(&mut self, owner: &Owner, mvpd: &str) {
        if let Some(profiles) = self.0.get_mut(owner) {
            profiles.remove(mvpd);
        }
    }

    /// Invalidates the matching logins and returns their number.
    pub(crate) fn invalidate(&mut self, matches: impl Fn(&Owner, &str) -> bool) -> usize {
        let mut count = 0;
        for (owner, profiles) in &mut self.0 {
            for (_, profile) in profiles.iter_mut().filter(|(mvpd, _)| matches(owner, mvpd)) {
                profile.is_invalidated = true;
                count += 1;
            }
        }
        count
    }
}

impl Profile {
    fn login_state(&self, now: i64) -> LoginState<'_> {
        if self.is_invalidated {
            LoginState::Invalidated
        } else if self.not_after <= now {
            LoginState::Expired
        } else {
            LoginState::Valid(self)
        }
    }
}
