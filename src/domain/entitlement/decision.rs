//! Decisions: what a device may watch.

use crate::domain::{
    clock::Timestamp,
    error::{UpstreamAnswer, Violation},
    temp_pass::MediaToken,
};

/// What an operator decides about: a simple id, or a whole MRSS document. 1 to 65 536 bytes of UTF-8, kept byte for byte,
/// since verifiers of media tokens compare them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource(Box<str>);

impl Resource {
    /// The longest resource, in bytes.
    pub const MAX: usize = 65_536;

    /// How many resources are decided about at once at most. The provider's own limit is lower.
    pub const COUNT_MAX: usize = 50;

    /// Takes `text` from the request's `field`.
    ///
    /// # Errors
    /// Where it is blank or too long.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::new(field, "is required: what is to be watched"));
        }
        if text.len() > Self::MAX {
            let problem = format!("has {} bytes; at most {} are allowed", text.len(), Self::MAX);
            return Err(Violation::new(field, problem));
        }
        Ok(Self(text.into()))
    }

    /// The resource's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was decided about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDecision {
    /// The resource, as it was asked for.
    pub resource: String,
    /// Who has decided, such as `mvpd`, `degradation`, `temppass` and `dummy`; absent where that is not said.
    pub source: Option<String>,
    /// What was said against it; absent where it may be watched.
    pub refusal: Option<Refusal>,
    /// Until when the decision holds, where that is said.
    pub expire_time: Option<Timestamp>,
    /// What a player shows, where it may be watched.
    pub media_token: Option<MediaToken>,
}

impl ResourceDecision {
    /// A denial that was not decided about the resource itself.
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

/// What was said against a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: RefusalReason,
    /// What the upstream said, in its own words for programs.
    pub answer: UpstreamAnswer,
    /// What it said, for the viewer; the operator's own text where there is one. Empty where there is none.
    pub message: String,
}

impl Refusal {
    /// There is no login to decide by.
    #[must_use]
    pub fn not_logged_in() -> Self {
        Self { reason: RefusalReason::NotLoggedIn, answer: UpstreamAnswer::default(), message: String::new() }
    }
}

/// Why something may not be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The time of the TempPass's trial is over.
    TrialExpired,
    /// The trial has as many resources as it may have.
    TrialExhausted,
    /// The operator says so: mostly, the subscription does not have it.
    Operator,
    /// Parental controls.
    ParentalControls,
    /// A rule about where the viewer is at home.
    HomeBased,
    /// A rule for times in which the operator cannot be asked.
    Degradation,
    /// Nobody has logged in.
    NotLoggedIn,
    /// The login has expired.
    LoginExpired,
    /// The login was taken back.
    LoginInvalidated,
    /// The operator does not know the viewer any more.
    ViewerUnknown,
    /// Nothing was decided: the operator or the provider did not answer, or failed.
    Undecided,
    /// What the provider has configured does not permit it.
    Configuration,
    /// Whatever else, or nothing that was said.
    Other,
}
