//! TempPasses: free trials. A trial starts with its first authorization and expires a fixed time later, whether or not
//! anything was watched. A promotional trial also denies new resources once it has used its number of resources
//! (reference, section 3).

mod decision;
mod holder;

use std::{fmt, sync::Arc, time::Duration};

use super::{
    clock::Timestamp,
    error::Violation,
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
};

pub(crate) use decision::{Binding, KnownTrial, KnownTrials, TrialChange, decide, decide_reset, view};
pub(crate) use holder::{Holder, HolderDigest};

/// The maximum length of a resource id, in bytes of UTF-8.
pub(crate) const RESOURCE_ID_MAX: usize = 1_024;

/// The maximum `max_resources` of a promotional TempPass. Each used resource is stored in the trial's record.
pub(crate) const RESOURCES_MAX: u32 = 1_000;

/// The default retention: how long an expired trial denies unless it is reset. 400 days.
pub(crate) const RETENTION_DEFAULT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The word that means every device or every key in the REST API. It has no meaning in gRPC.
pub(crate) const ALL: &str = "all";

/// Whether a text is [`ALL`], ignoring case and surrounding white space. Such a text is never an id or a key.
#[must_use]
pub(crate) fn is_all(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case(ALL)
}

/// The maximum length of `appId` and `deviceUser`, in bytes.
pub(crate) const APPLICATION_MAX: usize = 512;

/// The TempPass that trials belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TempPassKey {
    /// The environment. Environments do not share trials.
    pub environment: EnvironmentName,
    /// The requestor.
    pub requestor: RequestorId,
    /// The TempPass, which takes the role of an operator.
    pub mvpd: MvpdId,
}

/// The configured rule of a TempPass, the same for all its trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TempPassRule {
    /// How long a trial lasts from its first authorization.
    pub ttl: Duration,
    /// The maximum number of distinct resources of a trial; `None` for a basic TempPass, which does not count resources.
    pub max_resources: Option<u32>,
    /// How long an expired trial denies unless it is reset.
    pub retention: Duration,
}

impl TempPassRule {
    /// Whether the TempPass is promotional: its trials also have a generic key, and a limited number of resources.
    #[must_use]
    pub const fn is_promotional(&self) -> bool {
        self.max_resources.is_some()
    }
}

/// A digest of a user's identifier, computed by the programmer: 64 or 128 lower-case hex digits (SHA-256 or SHA-512).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GenericKey(Arc<str>);

impl GenericKey {
    /// Parses `text` from `field` of a request, in upper or lower case.
    ///
    /// # Errors
    /// The text is not 64 or 128 hex digits.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let is_digest = matches!(text.len(), 64 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Violation::new(
                field,
                "must be a digest of the user's identifier: 64 (SHA-256) or 128 (SHA-512) hex digits",
            ))
        }
    }

    /// Returns the hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Does not show the key, which identifies a person.
impl fmt::Debug for GenericKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GenericKey(…)")
    }
}

/// A user's identifier in clear text, such as an e-mail address. It is never logged or stored.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentifier(Box<str>);

impl UserIdentifier {
    /// Creates an identifier.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserIdentifier(…)")
    }
}

/// The id of a resource to watch: 1 to 1024 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceId(Box<str>);

impl ResourceId {
    /// Parses `text` from `field` of a request.
    ///
    /// # Errors
    /// The text is empty or too long.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match text.len() {
            0 => Err(Violation::new(field, "is required: the resource to authorize")),
            1..=RESOURCE_ID_MAX => Ok(Self(text.into())),
            _ => Err(Violation::too_long(field, text, RESOURCE_ID_MAX)),
        }
    }

    /// Returns the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The identity that a trial belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialIdentity {
    pub device_id: DeviceId,
    /// The user's generic key, for promotional TempPasses.
    pub generic_key: Option<GenericKey>,
}

/// Deprecated parameters of a trial's first authorization. A reset can be restricted to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialApplication {
    /// `appId`.
    pub app_id: String,
    /// `deviceUser`.
    pub device_user: String,
}

impl TrialApplication {
    /// Whether a trial with these parameters matches those of a reset. Empty parameters of the reset match any value.
    #[must_use]
    pub fn matches(&self, asked: &Self) -> bool {
        let fits = |asked: &str, kept: &str| asked.is_empty() || asked == kept;
        fits(&asked.app_id, &self.app_id) && fits(&asked.device_user, &self.device_user)
    }

    /// Whether both parameters are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.app_id.is_empty() && self.device_user.is_empty()
    }
}

/// The trials to reset. There is no default, so that "all" is always explicit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetTarget {
    /// The trial of this device.
    Device(DeviceId),
    /// The trial of this user.
    Key(GenericKey),
    /// Every trial of the TempPass.
    All,
}

/// The two kinds of reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetBy {
    /// By device.
    Device,
    /// By generic key, for promotional TempPasses only.
    Key,
}

/// A stored trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The device that started it.
    pub device: HolderDigest,
    /// When it started.
    pub start_time: Timestamp,
    /// When its retention ends, and a store may delete it.
    pub forget_time: Timestamp,
    /// The deprecated parameters of its first authorization.
    pub application: TrialApplication,
    /// Its distinct resources in the order of their first authorization; empty for a basic TempPass.
    pub used_resources: Vec<ResourceId>,
}

/// The state of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialState {
    /// Nothing has been authorized yet.
    NotStarted,
    /// It is running.
    Active,
    /// It has expired.
    Expired,
    /// It denies new resources. Its used resources are permitted until it expires.
    Exhausted,
}

/// A trial as returned to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialView {
    /// Its state.
    pub state: TrialState,
    /// When it started, if it has.
    pub start_time: Option<Timestamp>,
    /// When it expires, if it has started.
    pub expire_time: Option<Timestamp>,
    /// How many more resources it can use; absent for a basic TempPass.
    pub remaining_resources: Option<u32>,
    /// The resources that it has used.
    pub used_resources: Vec<ResourceId>,
}

impl TrialView {
    /// Returns the view of a trial that has not started.
    #[must_use]
    pub fn not_started(rule: &TempPassRule) -> Self {
        Self {
            state: TrialState::NotStarted,
            start_time: None,
            expire_time: None,
            remaining_resources: rule.max_resources,
            used_resources: Vec::new(),
        }
    }
}

/// A media token: a player presents it to the upstream's verifier, for one resource.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaToken {
    /// The token, unmodified.
    pub value: String,
    /// When it becomes valid.
    pub start_time: Option<Timestamp>,
    /// When it expires.
    pub expire_time: Option<Timestamp>,
}

impl fmt::Debug for MediaToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MediaToken(…)")
    }
}

/// The reason of a trial's denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The trial has expired.
    Expired,
    /// The trial has used all its resources.
    Exhausted,
}

impl Trial {
    /// Returns when the trial expires under this rule: exactly at this millisecond.
    #[must_use]
    pub fn expire_time(&self, rule: &TempPassRule) -> Timestamp {
        self.start_time + rule.ttl
    }

    fn remaining(&self, rule: &TempPassRule) -> Option<u32> {
        let used = u32::try_from(self.used_resources.len()).unwrap_or(u32::MAX);
        rule.max_resources.map(|max| max.saturating_sub(used))
    }

    /// Returns the state of the trial.
    #[must_use]
    pub fn state(&self, rule: &TempPassRule, now: Timestamp) -> TrialState {
        if now >= self.expire_time(rule) {
            TrialState::Expired
        } else if self.remaining(rule) == Some(0) {
            TrialState::Exhausted
        } else {
            TrialState::Active
        }
    }

    /// Whether the trial has used this resource.
    #[must_use]
    pub fn has(&self, resource: &ResourceId) -> bool {
        self.used_resources.contains(resource)
    }

    /// Returns why the trial denies the resource, or `None`. A used resource is permitted until the trial expires, because
    /// players authorize again during playback.
    #[must_use]
    pub fn denial(&self, resource: &ResourceId, rule: &TempPassRule, now: Timestamp) -> Option<Denial> {
        match self.state(rule, now) {
            TrialState::Expired => Some(Denial::Expired),
            TrialState::Exhausted if !self.has(resource) => Some(Denial::Exhausted),
            TrialState::NotStarted | TrialState::Active | TrialState::Exhausted => None,
        }
    }

    /// Returns the view of the trial.
    #[must_use]
    pub fn view(&self, rule: &TempPassRule, now: Timestamp) -> TrialView {
        TrialView {
            state: self.state(rule, now),
            start_time: Some(self.start_time),
            expire_time: Some(self.expire_time(rule)),
            remaining_resources: self.remaining(rule),
            used_resources: self.used_resources.clone(),
        }
    }

    /// Returns an order of trials by strictness, the strictest first: expired trials, then exhausted ones, then those with fewer
    /// resources left, then those that expire earlier.
    #[must_use]
    pub fn strictness(&self, rule: &TempPassRule, now: Timestamp) -> impl Ord + use<> {
        let state = match self.state(rule, now) {
            TrialState::Expired => 0_u8,
            TrialState::Exhausted => 1,
            TrialState::NotStarted | TrialState::Active => 2,
        };
        (state, self.remaining(rule), self.expire_time(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: TempPassRule = TempPassRule {
        ttl: Duration::from_secs(60),
        max_resources: Some(2),
        retention: Duration::from_secs(600),
    };

    fn resource(text: &str) -> ResourceId {
        ResourceId::parse("resource_id", text).expect("valid")
    }

    fn trial(resources: &[&str]) -> Trial {
        Trial {
            device: HolderDigest::from_bytes([7; HolderDigest::LENGTH]),
            start_time: Timestamp::from_millis(1_000),
            forget_time: Timestamp::from_millis(700_000),
            application: TrialApplication::default(),
            used_resources: resources.iter().map(|text| resource(text)).collect(),
        }
    }

    #[test]
    fn a_trial_expires_exactly_at_its_expire_time() {
        let (last, end) = (Timestamp::from_millis(60_999), Timestamp::from_millis(61_000));
        assert_eq!(trial(&["a"]).denial(&resource("b"), &RULE, last), None);
        assert_eq!(trial(&["a"]).denial(&resource("a"), &RULE, end), Some(Denial::Expired));
    }

    #[test]
    fn an_exhausted_trial_permits_only_its_used_resources() {
        let now = Timestamp::from_millis(2_000);
        let exhausted = trial(&["a", "b"]);
        assert_eq!(exhausted.state(&RULE, now), TrialState::Exhausted);
        assert_eq!(exhausted.denial(&resource("b"), &RULE, now), None);
        assert_eq!(exhausted.denial(&resource("c"), &RULE, now), Some(Denial::Exhausted));
        assert_eq!(exhausted.view(&RULE, now).remaining_resources, Some(0));
    }

    #[test]
    fn a_generic_key_is_a_digest_in_lower_case_hex() {
        for length in [64, 128] {
            let key = GenericKey::parse("generic_key", &"A".repeat(length)).expect("valid");
            assert_eq!(key.as_str(), "a".repeat(length));
        }
        for wrong in ["", "all", &"a".repeat(63), &"g".repeat(64), &"a".repeat(96)] {
            assert_eq!(GenericKey::parse("generic_key", wrong).expect_err("refused").field, "generic_key");
        }
    }

    #[test]
    fn empty_parameters_of_a_reset_match_any_value() {
        let kept = TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() };
        let asked = |app_id: &str, device_user: &str| TrialApplication {
            app_id: app_id.to_owned(),
            device_user: device_user.to_owned(),
        };
        assert!(kept.matches(&asked("", "")) && kept.matches(&asked("app", "")));
        assert!(!kept.matches(&asked("app", "another")));
    }
}
