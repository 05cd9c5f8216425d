//! Decisions about the resources that a device may watch.

use crate::domain::{
    clock::Timestamp,
    error::{UpstreamAnswer, Violation},
    temp_pass::MediaToken,
};

/// A resource: a simple id, or a whole MRSS document. 1 to 65 536 bytes of UTF-8, kept byte for byte, because verifiers of
/// media tokens compare them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource(Box<str>);

impl Resource {
    /// The maximum length of a resource, in bytes.
    pub const MAX: usize = 65_536;

    /// The maximum number of resources in one call. The provider's own limit is lower.
    pub const COUNT_MAX: usize = 50;

    /// Parses `text` from `field` of a request.
    ///
    /// # Errors
    /// The text is blank or too long.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::new(field, "is required: the resource to authorize"));
        }
        if text.len() > Self::MAX {
            return Err(Violation::too_long(field, text, Self::MAX));
        }
        Ok(Self(text.into()))
    }

    /// Returns the resource's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The decision about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDecision {
    /// The resource, as requested.
    pub resource: String,
    /// The source of the decision, such as `mvpd`, `degradation`, `temppass` or `dummy`; absent if the upstream does not say.
    pub source: Option<String>,
    /// The denial; absent if the resource is permitted.
    pub refusal: Option<Refusal>,
    /// When the decision expires, if the upstream says so.
    pub expire_time: Option<Timestamp>,
    /// The media token for the player, if the resource is permitted.
    pub media_token: Option<MediaToken>,
}

impl ResourceDecision {
    /// Creates a denial without a decision about the resource itself.
    #[must_use]
    pub fn refused(resource: &str, refusal: Refusal) -> Self {
        Self {
            resource: resource.to_owned(),
            source: None,
            refusal: Some(refusal),
            expire_time: None,
            media_token: None,
        }
    }
}

/// A denial of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: RefusalReason,
    /// The upstream's response, for programs.
    pub answer: UpstreamAnswer,
    /// The message for the viewer, preferably the operator's; empty if there is none.
    pub message: String,
}

impl Refusal {
    /// Creates the denial for a device without a login.
    #[must_use]
    pub fn not_logged_in() -> Self {
        Self { reason: RefusalReason::NotLoggedIn, answer: UpstreamAnswer::default(), message: String::new() }
    }
}

/// The reason of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The TempPass's trial has expired.
    TrialExpired,
    /// The trial has used all its resources.
    TrialExhausted,
    /// The operator denies it; usually the subscription does not include it.
    Operator,
    /// Parental controls.
    ParentalControls,
    /// A rule about the viewer's home location.
    HomeBased,
    /// A rule for times when the operator is unavailable.
    Degradation,
    /// The device has no login.
    NotLoggedIn,
    /// The login has expired.
    LoginExpired,
    /// The login was revoked.
    LoginInvalidated,
    /// The operator no longer knows the viewer.
    ViewerUnknown,
    /// There is no decision: the operator or the provider did not respond, or failed.
    Undecided,
    /// The provider's configuration does not permit it.
    Configuration,
    /// Any other reason, or none given.
    Other,
}
