//! The one error of the domain. Each transport renders it by one exhaustive match, so that a new error
//! cannot be forgotten in a face.

use std::{fmt, time::Duration};

use super::{
    authentication::AuthenticationProblem,
    caller::Permission,
    id::EnvironmentName,
    limit::{Countable, Throttled},
    randomness::RandomnessUnavailable,
};

/// One field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field in the caller's own words, with dots between levels; empty for the whole message.
    pub field: String,
    /// What is wrong and what would be right. Never holds a secret or a whole oversized value.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(formatter, "{}: ", self.field)?;
        }
        formatter.write_str(&self.description)
    }
}

impl Violation {
    /// Says that `field` is not right, and what would be.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The same violation, seen from the message that contains the field's own.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        let field =
            if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        Self { field, ..self }
    }
}

/// Whether every format that records travel in can hold the character: HTTP headers no control characters but the tab,
/// and XML 1.0 (section 2.2) not the last two of the basic plane either.
#[must_use]
pub fn is_plain(character: char) -> bool {
    character == '\t' || !(character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
}

/// The first character that is not [plain](is_plain).
#[must_use]
pub fn first_odd(text: &str) -> Option<char> {
    // Nearly every text is printable ASCII, which is told without a branch for each byte.
    let is_printable = text.bytes().fold(true, |printable, byte| printable & matches!(byte, b' '..=b'~'));
    if is_printable { None } else { text.chars().find(|character| !is_plain(*character)) }
}

/// How long [`Error::full_message`] gets, in bytes, but for the words that say so.
const FULL_MESSAGE_MAX: usize = 1_000;

/// Collects the violations of one request, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The value, or nothing and its violation noted.
    pub fn take<T>(&mut self, parsed: std::result::Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.0.push(violation)).ok()
    }

    /// The value, or nothing and its violations noted.
    pub fn take_all<T>(&mut self, parsed: std::result::Result<T, Vec<Violation>>) -> Option<T> {
        parsed.map_err(|violations| self.0.extend(violations)).ok()
    }

    /// Notes that `field` is not right, and what would be.
    pub fn add(&mut self, field: &str, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    /// Notes a text with more than `limit` bytes.
    pub fn check_length(&mut self, field: &str, text: &str, limit: usize) {
        if text.len() > limit {
            self.add(field, format!("has {} bytes; at most {limit} are allowed", text.len()));
        }
    }

    /// Notes a text with more than `limit` bytes, or with characters that no header and no XML document can hold.
    pub fn check_text(&mut self, field: &str, text: &str, limit: usize) {
        self.check_length(field, text, limit);
        if first_odd(text).is_some() {
            self.add(field, "holds control characters, which neither HTTP headers nor XML can");
        }
    }

    /// The value where nothing was noted.
    ///
    /// # Errors
    /// What was noted.
    pub fn none_or<T>(self, value: T) -> std::result::Result<T, Vec<Violation>> {
        if self.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// What was noted.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::InvalidFields(self.0)
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Violation> for Violations {
    fn extend<I: IntoIterator<Item = Violation>>(&mut self, violations: I) {
        self.0.extend(violations);
    }
}

/// Why an operation was not done. The text is for the caller; what only the operator may know is in the
/// error's source, which goes to the log and nowhere else.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// One or more fields break a rule; all of them are listed.
    #[error("{}", summary(.0))]
    InvalidFields(Vec<Violation>),
    /// The message could not be decoded at all.
    #[error("the message cannot be decoded: {0}")]
    MalformedMessage(String),
    /// The message is larger than the server takes.
    #[error("the message is larger than this server accepts: {0}")]
    MessageTooLarge(String),
    /// The same request id came with another body.
    #[error(
        "request_id: was already used for a request with other content; take a new UUID for a new request"
    )]
    RequestIdReused,
    /// Unknown, foreign, released or expired: one answer for all, so that guessing tells nothing.
    #[error("registration code not found for this requestor and environment")]
    CodeNotFound(LookupClues),
    /// The mvpd is no TempPass of this requestor and environment.
    #[error("{mvpd} is no TempPass of this requestor and environment; ask the operator which there are")]
    TempPassNotFound {
        /// What was asked for.
        mvpd: String,
    },
    /// A reset by key in a TempPass whose trials have none.
    #[error("this TempPass is basic: its trials are known by their devices only; reset it by device")]
    TempPassNotPromotional,
    /// The environment holds as many live codes as it may.
    #[error("the environment already holds {limit} live registration codes, which is its limit")]
    LiveCodesExhausted {
        /// The limit in force.
        limit: u64,
        /// When the next code expires at the earliest.
        retry_after: Duration,
    },
    /// Too many lookups of codes that do not exist.
    #[error("too many lookups of codes that do not exist; wait before the next one")]
    LookupBudgetExhausted {
        /// When a lookup is allowed again.
        retry_after: Duration,
        /// Whether the caller said who types.
        viewer_named: bool,
    },
    /// As many of these are open as the server, or this caller, may have.
    #[error("{}", quota_exhausted(*of, *limit, *share))]
    QuotaExhausted {
        /// What is open.
        of: Countable,
        /// The server's limit.
        limit: usize,
        /// The caller's share of it, where it is that one which is used up.
        share: Option<usize>,
    },
    /// The health of a service was asked for, or a symbol by reflection, that this server does not have.
    #[error("{0}; reflection lists what this server has")]
    ServiceUnknown(String),
    /// More than one address, or one device, may do in so short a time.
    #[error("too many {of} in a short time; wait before the next one")]
    Throttled {
        /// What there was too much of.
        of: Throttled,
        /// When a call is allowed again.
        retry_after: Duration,
    },
    /// The caller did not show who it is.
    #[error("{0}")]
    NotAuthenticated(AuthenticationProblem),
    /// The keys of the issuer of the caller's token are not there, so that nobody knows whether the token is good.
    #[error("the keys of the token's issuer cannot be read at the moment; try again")]
    IssuerUnavailable {
        /// When it may be worth another try.
        retry_after: Duration,
    },
    /// The caller is known, but may not do this.
    #[error("caller {caller:?} lacks the permission {permission} for this requestor and environment")]
    PermissionMissing {
        /// The caller's configured name.
        caller: String,
        /// What it would have needed.
        permission: Permission,
    },
    /// The method came after this version of the server, or is another server's.
    #[error("this server has no such method; reflection lists those that it has")]
    MethodUnknown,
    /// This server, or the backend behind it, cannot do what was asked.
    #[error("{0}")]
    Unsupported(String),
    /// The store could not do its work; nothing was acknowledged.
    #[error("the store is not available; a write may have happened all the same")]
    StoreUnavailable(#[source] StoreError),
    /// The upstream does not answer, or not so that it can be read, or is spared until it has recovered.
    #[error("the upstream is not available: {problem}")]
    UpstreamUnavailable {
        /// What is wrong, in words that tell nothing of the inside.
        problem: &'static str,
        /// What it said, if anything.
        answer: UpstreamAnswer,
        /// When it may be worth another try, where that is known.
        retry_after: Option<Duration>,
    },
    /// The upstream, or our own regard for it, takes no more calls for this device now.
    #[error("the upstream takes no more calls for this device at the moment; wait before the next one")]
    UpstreamThrottled {
        /// What it said, if anything.
        answer: UpstreamAnswer,
        /// When a call may be tried again.
        retry_after: Duration,
        /// Whether this device has called more than once in the last second.
        was_fast: bool,
    },
    /// The upstream refuses the request itself.
    #[error("the upstream refuses the request{}", of_field(*field))]
    UpstreamRejected {
        /// The field of the request that it is about, where it says so.
        field: Option<&'static str>,
        /// What it said.
        answer: UpstreamAnswer,
    },
    /// The upstream forbids what was asked for.
    #[error("the upstream forbids this for this requestor and environment")]
    UpstreamForbidden {
        /// What it said.
        answer: UpstreamAnswer,
        /// Whether this device has called more than once in the last second.
        was_fast: bool,
    },
    /// The upstream does not take our own credentials, though they were renewed: the operator's to mend.
    #[error("the upstream does not take this server's own credentials; the operator has to look at them")]
    UpstreamCredentialsRefused {
        /// What it said.
        answer: UpstreamAnswer,
    },
    /// The upstream has nothing to log in to: the device is logged in.
    #[error("the device is logged in already, so the upstream issues no code")]
    AlreadyAuthenticated {
        /// With which operator.
        mvpd: String,
    },
    /// The upstream decided by something that is no TempPass.
    #[error("{mvpd} is no TempPass at the upstream, which decided by {source_name:?}")]
    NotATempPass {
        /// What was asked for.
        mvpd: String,
        /// What the upstream says of who decided.
        source_name: String,
    },
    /// Nobody has logged in on the device, or no more.
    #[error("nobody is logged in on this device for this requestor and environment")]
    ProfileNotFound,
    /// The device's login has run out.
    #[error("the login on this device has expired")]
    ProfileExpired,
    /// The server is draining and takes no more work.
    #[error("the server is shutting down; call another one, or again in a moment")]
    ShuttingDown,
    /// The caller's own deadline passed, or the server's limit for an answer.
    #[error("the deadline passed before the answer was ready")]
    DeadlineExceeded,
    /// A defect of passbridge.
    #[error("internal error")]
    Internal(String),
}

impl Error {
    /// How long to wait before the same call may be tried again, where waiting is what helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LiveCodesExhausted { retry_after, .. }
            | Self::LookupBudgetExhausted { retry_after, .. }
            | Self::UpstreamThrottled { retry_after, .. }
            | Self::IssuerUnavailable { retry_after }
            | Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::UpstreamUnavailable { retry_after, .. } => *retry_after,
            // Nobody knows when one of them ends; a second keeps clients from asking in a tight loop.
            Self::QuotaExhausted { .. } => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl Error {
    /// The message with every violation in it, for faces that have no other place to tell them: as many as fit into a
    /// thousand bytes.
    #[must_use]
    pub fn full_message(&self) -> String {
        let Self::InvalidFields(violations) = self else { return self.to_string() };
        let mut text = String::new();
        for violation in violations {
            let between = if text.is_empty() { "" } else { "; " };
            let one = violation.to_string();
            if text.len() + between.len() + one.len() > FULL_MESSAGE_MAX {
                text.push_str(if text.is_empty() { "the request is not valid" } else { "; and more" });
                break;
            }
            text.push_str(between);
            text.push_str(&one);
        }
        text
    }
}

impl Error {
    /// The message with everything that is known: for operators, never for callers.
    #[must_use]
    pub fn operator_message(&self) -> String {
        match self {
            Self::StoreUnavailable(cause) => format!("{self}: {cause}"),
            Self::Internal(cause) => format!("{self}: {cause}"),
            _ => self.full_message(),
        }
    }
}

/// What an upstream said, as far as callers may know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The upstream's own code of the error.
    pub code: Option<String>,
    /// The upstream's own name of the call, for its support.
    pub trace: Option<String>,
}

impl Error {
    /// One of each error that callers may have a question about.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let (answer, second) = (UpstreamAnswer::default(), Duration::from_secs(1));
        vec![
            Self::CodeNotFound(LookupClues { over_upstream: true, ..LookupClues::default() }),
            Self::TempPassNotFound { mvpd: String::new() },
            Self::TempPassNotPromotional,
            Self::LookupBudgetExhausted { retry_after: second, viewer_named: false },
            Self::Throttled { of: Throttled::Device, retry_after: second },
            Self::NotAuthenticated(AuthenticationProblem::Missing),
            Self::StoreUnavailable(StoreError::Unavailable(String::new())),
            Self::UpstreamUnavailable { problem: "", answer: answer.clone(), retry_after: None },
            Self::UpstreamThrottled { answer: answer.clone(), retry_after: second, was_fast: true },
            Self::UpstreamRejected { field: None, answer: answer.clone() },
            Self::UpstreamForbidden { answer: answer.clone(), was_fast: false },
            Self::UpstreamCredentialsRefused { answer },
            Self::AlreadyAuthenticated { mvpd: String::new() },
            Self::NotATempPass { mvpd: String::new(), source_name: String::new() },
            Self::ProfileNotFound,
            Self::ProfileExpired,
        ]
    }
}

fn quota_exhausted(of: Countable, limit: usize, share: Option<usize>) -> String {
    let key = of.key();
    match share {
        None => format!("{limit} {of} are open already, which is the server's limit (grpc.{key})"),
        Some(share) => format!(
            "this caller has {share} {of} open already, which is its share (grpc.caller_share) of the server's {limit} \
             (grpc.{key})"
        ),
    }
}

fn of_field(field: Option<&'static str>) -> String {
    field.map(|field| format!(": {field} is not as it must be")).unwrap_or_default()
}

impl Error {
    /// What the upstream said, where it was asked. Not of a code: whether it is unknown there or has ended here is one
    /// answer, so that guessing tells nothing.
    #[must_use]
    pub fn upstream_answer(&self) -> Option<&UpstreamAnswer> {
        match self {
            Self::UpstreamUnavailable { answer, .. }
            | Self::UpstreamThrottled { answer, .. }
            | Self::UpstreamRejected { answer, .. }
            | Self::UpstreamForbidden { answer, .. }
            | Self::UpstreamCredentialsRefused { answer } => Some(answer),
            _ => None,
        }
    }
}

/// What a lookup that found nothing shows, for the causes to be ranked by. It tells nothing of what was ever under the
/// code: a guess must not learn whether it came close.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupClues {
    /// Nothing that is typed so can be a code.
    pub impossible: bool,
    /// The provider issues the codes of this place.
    pub over_upstream: bool,
    /// Environments in which the code lives for the same requestor, of those that the caller may read.
    pub lives_in: Vec<EnvironmentName>,
}

/// The outcome of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong in a store. Its text is for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine refused, failed or is gone: a full disk, an I/O error, a lost connection.
    #[error("{0}")]
    Unavailable(String),
    /// A stored value is not what this version can read.
    #[error("a stored record cannot be read: {0}")]
    Corrupt(String),
}

impl From<AuthenticationProblem> for Error {
    fn from(problem: AuthenticationProblem) -> Self {
        Self::NotAuthenticated(problem)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::InvalidFields(vec![violation])
    }
}

impl From<RandomnessUnavailable> for Error {
    fn from(error: RandomnessUnavailable) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<StoreError> for Error {
    fn from(source: StoreError) -> Self {
        Self::StoreUnavailable(source)
    }
}

fn summary(violations: &[Violation]) -> String {
    match violations {
        [] => "the request is not valid".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more, see the details)", rest.len()),
    }
}
