//! TempPasses: free trials. A trial starts with its first authorization and ends a fixed time later, whether or not
//! anything was watched; a promotional one also ends for new resources when so many were authorized (reference, section 3).

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

/// The longest resource id, in bytes of UTF-8.
pub(crate) const RESOURCE_ID_MAX: usize = 1_024;

/// How many resources a promotional TempPass may have at most: each of them is kept in the trial's record.
pub(crate) const RESOURCES_MAX: u32 = 1_000;

/// How long a trial that has ended goes on denying, where nobody resets it: 400 days.
pub(crate) const RETENTION_DEFAULT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The word that means every device or every key in the REST API, and nothing here.
pub(crate) const ALL: &str = "all";

/// Whether a text is meant as [`ALL`], however it is spelled: no device and no key is named so.
#[must_use]
pub(crate) fn is_all(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case(ALL)
}

/// The longest `appId` and `deviceUser`, in bytes.
pub(crate) const APPLICATION_MAX: usize = 512;

/// The TempPass that trials belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TempPassKey {
    /// The environment. Trials of one do not exist in another.
    pub environment: EnvironmentName,
    /// The channel.
    pub requestor: RequestorId,
    /// The TempPass, which stands in for an operator.
    pub mvpd: MvpdId,
}

/// What a TempPass is: configured, and the same for all its trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TempPassRule {
    /// How long a trial lasts from its first authorization.
    pub ttl: Duration,
    /// How many distinct resources a trial may have; `None` makes it a basic TempPass, which counts none.
    pub max_resources: Option<u32>,
    /// How long after its end a trial that nobody resets goes on denying.
    pub retention: Duration,
}

impl TempPassRule {
    /// Whether trials are known by a generic key too, and limited in resources.
    #[must_use]
    pub const fn is_promotional(&self) -> bool {
        self.max_resources.is_some()
    }
}

/// A digest of a user's identifier, made by the programmer: 64 or 128 lower-case hex digits (SHA-256 or SHA-512).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GenericKey(Arc<str>);

impl GenericKey {
    /// Takes `text` from the request's `field`, in upper or lower case.
    ///
    /// # Errors
    /// Where it is not 64 or 128 hex digits.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let is_digest = matches!(text.len(), 64 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Violation::new(
                field,
                "is no digest: 64 hex digits (SHA-256) or 128 (SHA-512) of the user's identifier",
            ))
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It stands for a person, so it shows itself to no log.
impl fmt::Debug for GenericKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GenericKey(…)")
    }
}

/// A user's identifier itself, such as an e-mail address. Shows itself to no log, and is kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentifier(Box<str>);

impl UserIdentifier {
    /// The identifier with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
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

/// What is to be watched: 1 to 1024 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceId(Box<str>);

impl ResourceId {
    /// Takes `text` from the request's `field`.
    ///
    /// # Errors
    /// Where it is empty or too long.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match text.len() {
            0 => Err(Violation::new(field, "is required: what is to be watched")),
            1..=RESOURCE_ID_MAX => Ok(Self(text.into())),
            length => Err(Violation::new(
                field,
                format!("has {length} bytes; at most {RESOURCE_ID_MAX} are allowed"),
            )),
        }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// By whom a trial is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialIdentity {
    pub device_id: DeviceId,
    /// The user, for promotional TempPasses.
    pub generic_key: Option<GenericKey>,
}

/// Deprecated parameters that a trial keeps from its first authorization, so that a reset can ask for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialApplication {
    /// `appId`.
    pub app_id: String,
    /// `deviceUser`.
    pub device_user: String,
}

impl TrialApplication {
    /// Whether a trial with these is one that `asked` asks for: what it leaves empty it does not ask for.
    #[must_use]
    pub fn matches(&self, asked: &Self) -> bool {
        let fits = |asked: &str, kept: &str| asked.is_empty() || asked == kept;
        fits(&asked.app_id, &self.app_id) && fits(&asked.device_user, &self.device_user)
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.app_id.is_empty() && self.device_user.is_empty()
    }
}

/// Which trials a reset is for. There is no default: whoever means all says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetTarget {
    /// The trial of this device.
    Device(DeviceId),
    /// The trial of this user.
    Key(GenericKey),
    /// Every trial of the TempPass.
    All,
}

/// The two operations that reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetBy {
    /// By device.
    Device,
    /// By user, in promotional TempPasses only.
    Key,
}

/// A trial as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The device that started it.
    pub device: HolderDigest,
    /// When it started.
    pub start_time: Timestamp,
    /// When a store may forget it.
    pub forget_time: Timestamp,
    /// What it was first authorized with.
    pub application: TrialApplication,
    /// Distinct resources in the order of their first authorization; none for a basic TempPass.
    pub used_resources: Vec<ResourceId>,
}

/// Where a trial is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialState {
    /// Nothing was authorized yet.
    NotStarted,
    /// It runs.
    Active,
    /// Its time is over.
    Expired,
    /// No new resource is authorized; those it has are, until its time is over.
    Exhausted,
}

/// A trial as it is shown to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialView {
    /// Where it is in its life.
    pub state: TrialState,
    /// When it started, if it has.
    pub start_time: Option<Timestamp>,
    /// When it ends, if it has started.
    pub expire_time: Option<Timestamp>,
    /// How many more resources it may have; absent for a basic TempPass.
    pub remaining_resources: Option<u32>,
    /// The resources that it has.
    pub used_resources: Vec<ResourceId>,
}

impl TrialView {
    /// What is shown of a trial that has not started.
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

/// What a player shows the upstream's verifier, for one resource.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaToken {
    /// The token as it came.
    pub value: String,
    /// From when it is good.
    pub start_time: Option<Timestamp>,
    /// Until when it is good.
    pub expire_time: Option<Timestamp>,
}

impl fmt::Debug for MediaToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MediaToken(…)")
    }
}

/// Why a trial authorizes nothing, or not this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Its time is over.
    Expired,
    /// It has as many resources as it may have.
    Exhausted,
}

impl Trial {
    /// When the trial ends under this rule. It ends at this very millisecond.
    #[must_use]
    pub fn expire_time(&self, rule: &TempPassRule) -> Timestamp {
        self.start_time + rule.ttl
    }

    fn remaining(&self, rule: &TempPassRule) -> Option<u32> {
        let used = u32::try_from(self.used_resources.len()).unwrap_or(u32::MAX);
        rule.max_resources.map(|max| max.saturating_sub(used))
    }

    /// Where the trial is in its life.
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

    /// Whether the trial has this resource.
    #[must_use]
    pub fn has(&self, resource: &ResourceId) -> bool {
        self.used_resources.contains(resource)
    }

    /// Why the trial does not authorize the resource, if it does not. One that it has already it goes on authorizing
    /// until its time is over, because players authorize again while they play.
    #[must_use]
    pub fn denial(&self, resource: &ResourceId, rule: &TempPassRule, now: Timestamp) -> Option<Denial> {
        match self.state(rule, now) {
            TrialState::Expired => Some(Denial::Expired),
            TrialState::Exhausted if !self.has(resource) => Some(Denial::Exhausted),
            TrialState::NotStarted | TrialState::Active | TrialState::Exhausted => None,
        }
    }

    /// What is shown of the trial.
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

    /// How little the trial allows, for picking the stricter of two: what has expired first, then what is exhausted, then
    /// what has fewer resources left, then what ends earlier.
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
    fn a_trial_ends_at_the_very_millisecond() {
        let (last, end) = (Timestamp::from_millis(60_999), Timestamp::from_millis(61_000));
        assert_eq!(trial(&["a"]).denial(&resource("b"), &RULE, last), None);
        assert_eq!(trial(&["a"]).denial(&resource("a"), &RULE, end), Some(Denial::Expired));
    }

    #[test]
    fn an_exhausted_trial_goes_on_with_what_it_has() {
        let now = Timestamp::from_millis(2_000);
        let exhausted = trial(&["a", "b"]);
        assert_eq!(exhausted.state(&RULE, now), TrialState::Exhausted);
        assert_eq!(exhausted.denial(&resource("b"), &RULE, now), None);
        assert_eq!(exhausted.denial(&resource("c"), &RULE, now), Some(Denial::Exhausted));
        assert_eq!(exhausted.view(&RULE, now).remaining_resources, Some(0));
    }

    #[test]
    fn a_generic_key_is_a_digest_in_lower_case() {
        for length in [64, 128] {
            let key = GenericKey::parse("generic_key", &"A".repeat(length)).expect("valid");
            assert_eq!(key.as_str(), "a".repeat(length));
        }
        for wrong in ["", "all", &"a".repeat(63), &"g".repeat(64), &"a".repeat(96)] {
            assert_eq!(GenericKey::parse("generic_key", wrong).expect_err("refused").field, "generic_key");
        }
    }

    #[test]
    fn a_reset_asks_only_for_what_it_fills() {
        let kept = TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() };
        let asked = |app_id: &str, device_user: &str| TrialApplication {
            app_id: app_id.to_owned(),
            device_user: device_user.to_owned(),
        };
        assert!(kept.matches(&asked("", "")) && kept.matches(&asked("app", "")));
        assert!(!kept.matches(&asked("app", "another")));
    }
}
