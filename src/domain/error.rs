//! The domain error. Each transport renders it by one exhaustive match, so a new error cannot be forgotten in a face.

use std::{fmt, time::Duration};

use super::{
    authentication::AuthenticationProblem,
    caller::Permission,
    id::EnvironmentName,
    limit::{LimitedResource, Throttled},
    randomness::RandomnessUnavailable,
};

/// One invalid field of a request.
///
/// By convention, the description continues the field's name (`ttl: must be …`), and says the rule
/// and, where that is safe, the value found: `is required: …` or `must …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field as the caller's API names it, with dots between levels; empty for the whole message.
    pub field: String,
    /// The problem and the rule. Never contains a secret or a whole oversized value.
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
    /// Creates a violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// Creates the violation of a `text` that is longer than `limit` bytes.
    #[must_use]
    pub fn too_long(field: impl Into<String>, text: &str, limit: usize) -> Self {
        Self::new(field, format!("must be at most {limit} bytes, but is {}", text.len()))
    }

    /// Returns this violation with its field nested in `parent`.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        let field =
            if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        Self { field, ..self }
    }
}

/// Whether every format that carries records allows the character. HTTP headers allow no control characters except the
/// tab, and XML 1.0 (section 2.2) also excludes U+FFFE and U+FFFF.
#[must_use]
pub fn is_plain(character: char) -> bool {
    character == '\t' || !(character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
}

/// Returns the first character that is not [plain](is_plain).
#[must_use]
pub fn first_not_plain(text: &str) -> Option<char> {
    // Fast path: nearly every text is printable ASCII, which needs no branch for each byte.
    let is_printable = text.bytes().fold(true, |printable, byte| printable & matches!(byte, b' '..=b'~'));
    if is_printable { None } else { text.chars().find(|character| !is_plain(*character)) }
}

/// The maximum length of [`Error::full_message`] in bytes, without the note that it was cut.
const FULL_MESSAGE_MAX: usize = 1_000;

/// Collects the violations of one request, so that all of them are reported together.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Returns the value, or adds the violation and returns `None`.
    pub fn take<T>(&mut self, parsed: std::result::Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.0.push(violation)).ok()
    }

    /// Returns the value, or adds the violations and returns `None`.
    pub fn take_all<T>(&mut self, parsed: std::result::Result<T, Vec<Violation>>) -> Option<T> {
        parsed.map_err(|violations| self.0.extend(violations)).ok()
    }

    /// Adds a violation of `field`.
    pub fn add(&mut self, field: &str, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    /// Adds a violation if the text is longer than `limit` bytes.
    pub fn check_length(&mut self, field: &str, text: &str, limit: usize) {
        if text.len() > limit {
            self.0.push(Violation::too_long(field, text, limit));
        }
    }

    /// Adds a violation if the text is longer than `limit` bytes, or contains a character that is not [plain](is_plain).
    pub fn check_text(&mut self, field: &str, text: &str, limit: usize) {
        self.check_length(field, text, limit);
        if first_not_plain(text).is_some() {
            self.add(field, "must not contain control characters, which HTTP headers and XML do not allow");
        }
    }

    /// Returns `value` if there are no violations.
    ///
    /// # Errors
    /// The violations.
    pub fn none_or<T>(self, value: T) -> std::result::Result<T, Vec<Violation>> {
        if self.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// Converts the violations to an error.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::InvalidFields(self.0)
    }

    /// Returns the number of violations.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no violations.
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

/// The reason why an operation failed. The text is for the caller. Details that only the operator may see are in the
/// error's source, which is only logged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// One or more fields are invalid. All of them are listed.
    #[error("{}", summary(.0))]
    InvalidFields(Vec<Violation>),
    /// The message cannot be decoded.
    #[error("the message cannot be decoded: {0}")]
    MalformedMessage(String),
    /// The message exceeds the server's limit.
    #[error("the message is larger than this server accepts: {0}")]
    MessageTooLarge(String),
    /// The idempotency key (`request_id`) was used with another request body.
    #[error("request_id: was already used for a different request; use a new UUID for each new request")]
    RequestIdReused,
    /// The code is unknown, released, expired, or belongs to another requestor. All cases give the same response, so that
    /// guessing reveals nothing.
    #[error("registration code not found for this requestor and environment")]
    CodeNotFound(LookupClues),
    /// The mvpd is not a TempPass of this requestor and environment.
    #[error(
        "{mvpd} is not a TempPass of this requestor and environment; ask the server's operator for the configured ones"
    )]
    TempPassNotFound {
        /// The requested mvpd.
        mvpd: String,
    },
    /// A reset by generic key of a basic TempPass, whose trials have none.
    #[error("this TempPass is basic, and its trials have no generic key; reset it by device")]
    TempPassNotPromotional,
    /// The environment has reached its limit of live codes.
    #[error("the environment has reached its limit of {limit} live registration codes; try again later")]
    LiveCodesExhausted {
        /// The limit.
        limit: u64,
        /// The time until the next code expires at the earliest.
        retry_after: Duration,
    },
    /// The failed-lookup budget is exhausted: too many lookups of codes that do not exist.
    #[error("too many lookups of codes that do not exist; wait before the next one")]
    LookupBudgetExhausted {
        /// The time until a lookup is allowed again.
        retry_after: Duration,
        /// Whether the caller sent the viewer's address.
        viewer_named: bool,
    },
    /// The server, or this caller, has reached its limit of open streams or connections.
    #[error("{}", quota_exhausted(*of, *limit, *share))]
    QuotaExhausted {
        /// The kind of resource.
        of: LimitedResource,
        /// The server's limit.
        limit: usize,
        /// The caller's share, if it is the share that is used up.
        share: Option<usize>,
    },
    /// A health check or a reflection request names a service or symbol that this server does not have.
    #[error("{0}; use reflection to list what this server has")]
    ServiceUnknown(String),
    /// A rate limit was exceeded.
    #[error("rate limit exceeded: too many {of}; wait before the next one")]
    Throttled {
        /// The rate limit.
        of: Throttled,
        /// The time until a call is allowed again.
        retry_after: Duration,
    },
    /// The caller is not authenticated.
    #[error("{0}")]
    NotAuthenticated(AuthenticationProblem),
    /// The keys of the token's issuer are not available, so the token cannot be verified.
    #[error(
        "the keys of the token's issuer are not available, so the token cannot be verified; try again later"
    )]
    IssuerUnavailable {
        /// The time after which a retry may succeed.
        retry_after: Duration,
    },
    /// The caller is authenticated, but lacks a permission.
    #[error("caller {caller:?} lacks the permission {permission} for this requestor and environment")]
    PermissionMissing {
        /// The caller's configured name.
        caller: String,
        /// The missing permission.
        permission: Permission,
    },
    /// The method does not exist in this version of the server.
    #[error("this server has no such method; use reflection to list its methods")]
    MethodUnknown,
    /// This server, or its backend, does not support the operation.
    #[error("{0}")]
    Unsupported(String),
    /// The store failed. Nothing was acknowledged.
    #[error("the store is not available; a write may still have taken effect")]
    StoreUnavailable(#[source] StoreError),
    /// The upstream does not respond, its response cannot be read, or its circuit breaker is open.
    #[error("the upstream is not available: {problem}")]
    UpstreamUnavailable {
        /// The problem, in words that reveal no internals.
        problem: &'static str,
        /// The upstream's response, if there was one.
        answer: UpstreamAnswer,
        /// The time after which a retry may succeed, if known.
        retry_after: Option<Duration>,
    },
    /// The upstream's rate limit for this device, or our own request pacing for it, is exceeded.
    #[error("the upstream accepts no more calls for this device at the moment; wait before the next one")]
    UpstreamThrottled {
        /// The upstream's response, if there was one.
        answer: UpstreamAnswer,
        /// The time until a call is allowed again.
        retry_after: Duration,
        /// Whether this device has called more than once in the last second.
        was_fast: bool,
    },
    /// The upstream rejects the request as invalid.
    #[error("the upstream rejected the request{}", of_field(*field))]
    UpstreamRejected {
        /// The field that the upstream rejects, if it says so.
        field: Option<&'static str>,
        /// The upstream's response.
        answer: UpstreamAnswer,
    },
    /// The upstream forbids the operation.
    #[error("the upstream forbids this operation for this requestor and environment")]
    UpstreamForbidden {
        /// The upstream's response.
        answer: UpstreamAnswer,
        /// Whether this device has called more than once in the last second.
        was_fast: bool,
    },
    /// The upstream refuses passbridge's own credentials even after a renewal. Only the operator can fix that.
    #[error("the upstream refuses this server's own credentials; the server's operator must check them")]
    UpstreamCredentialsRefused {
        /// The upstream's response.
        answer: UpstreamAnswer,
    },
    /// The device is already logged in, so the upstream issues no code.
    #[error("the device is already logged in, so the upstream issues no code")]
    AlreadyAuthenticated {
        /// The operator that the device is logged in with.
        mvpd: String,
    },
    /// The upstream decided by something other than a TempPass.
    #[error("{mvpd} is not a TempPass at the upstream: the source of its decision is {source_name:?}")]
    NotATempPass {
        /// The requested mvpd.
        mvpd: String,
        /// The upstream's name for the source of its decision.
        source_name: String,
    },
    /// The device has no login, or no longer has one.
    #[error("the device has no login for this requestor and environment")]
    ProfileNotFound,
    /// The device's login has expired.
    #[error("the device's login has expired")]
    ProfileExpired,
    /// The server is draining and accepts no more calls.
    #[error("the server is shutting down; try again in a moment, or on another replica")]
    ShuttingDown,
    /// The caller's deadline, or the server's time limit, passed.
    #[error("the deadline passed before the response was ready")]
    DeadlineExceeded,
    /// A defect in passbridge.
    #[error("internal error")]
    Internal(String),
}

impl Error {
    /// Returns the time to wait before a retry, for errors that waiting can resolve.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LiveCodesExhausted { retry_after, .. }
            | Self::LookupBudgetExhausted { retry_after, .. }
            | Self::UpstreamThrottled { retry_after, .. }
            | Self::IssuerUnavailable { retry_after }
            | Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::UpstreamUnavailable { retry_after, .. } => *retry_after,
            // It is unknown when one closes. A second keeps clients from retrying in a tight loop.
            Self::QuotaExhausted { .. } => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl Error {
    /// Returns the message with its violations, as many as fit into 1000 bytes, for faces that have no other place for
    /// them.
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
    /// Returns the message with internal details, for operators and never for callers.
    #[must_use]
    pub fn operator_message(&self) -> String {
        match self {
            Self::StoreUnavailable(cause) => format!("{self}: {cause}"),
            Self::Internal(cause) => format!("{self}: {cause}"),
            _ => self.full_message(),
        }
    }
}

/// The parts of an upstream's response that callers may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The upstream's error code.
    pub code: Option<String>,
    /// The upstream's trace id of the call, for its support.
    pub trace: Option<String>,
}

impl Error {
    /// Returns a sample of each error and, where its message, reason or causes vary, of each variant.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let (answer, second) = (UpstreamAnswer::default(), Duration::from_secs(1));
        let answered = UpstreamAnswer { status: Some(500), ..UpstreamAnswer::default() };
        let found_nothing = |over_upstream| LookupClues { over_upstream, ..LookupClues::default() };
        let impossible = LookupClues { impossible: true, ..LookupClues::default() };
        let exhausted = |viewer_named| Self::LookupBudgetExhausted { retry_after: second, viewer_named };
        let throttled = |of| Self::Throttled { of, retry_after: second };
        let quota = |of, share| Self::QuotaExhausted { of, limit: 10_000, share };
        let rejected = |field| Self::UpstreamRejected { field, answer: UpstreamAnswer::default() };
        let mvpd = || "Cablevision".to_owned();
        let mut samples = vec![
            Self::InvalidFields(vec![Violation::new("ttl", "must be whole seconds from 1 to 36000")]),
            Self::MalformedMessage("invalid wire type".to_owned()),
            Self::MessageTooLarge("5242880 bytes".to_owned()),
            Self::RequestIdReused,
            Self::CodeNotFound(impossible),
            Self::CodeNotFound(found_nothing(false)),
            Self::CodeNotFound(found_nothing(true)),
            Self::TempPassNotFound { mvpd: mvpd() },
            Self::TempPassNotPromotional,
            Self::LiveCodesExhausted { limit: 1_000_000, retry_after: second },
            exhausted(false),
            exhausted(true),
            quota(LimitedResource::Watches, None),
            quota(LimitedResource::Watches, Some(8_000)),
            quota(LimitedResource::Batches, None),
            quota(LimitedResource::Batches, Some(8_000)),
            quota(LimitedResource::Connections, Some(8_000)),
            Self::ServiceUnknown("service not registered".to_owned()),
            throttled(Throttled::GrpcAddress),
            throttled(Throttled::Device),
            throttled(Throttled::AbandonedCreates),
            Self::IssuerUnavailable { retry_after: second },
            Self::PermissionMissing { caller: "player".to_owned(), permission: Permission::CodesCreate },
            Self::MethodUnknown,
            Self::Unsupported("the backend does not support this operation".to_owned()),
            Self::StoreUnavailable(StoreError::Unavailable(String::new())),
            Self::UpstreamUnavailable {
                problem: "it did not respond in time",
                answer: answer.clone(),
                retry_after: Some(second),
            },
            Self::UpstreamUnavailable {
                problem: "it reports a server error",
                answer: answered,
                retry_after: None,
            },
            Self::UpstreamThrottled { answer: answer.clone(), retry_after: second, was_fast: true },
            rejected(None),
            rejected(Some("mvpd_id")),
            rejected(Some("device")),
            Self::UpstreamForbidden { answer: answer.clone(), was_fast: false },
            Self::UpstreamCredentialsRefused { answer },
            Self::AlreadyAuthenticated { mvpd: mvpd() },
            Self::NotATempPass { mvpd: mvpd(), source_name: "mvpd".to_owned() },
            Self::ProfileNotFound,
            Self::ProfileExpired,
            Self::ShuttingDown,
            Self::DeadlineExceeded,
            Self::Internal(String::new()),
        ];
        samples.extend(AuthenticationProblem::ALL.map(Self::NotAuthenticated));
        samples
    }
}

fn quota_exhausted(of: LimitedResource, limit: usize, share: Option<usize>) -> String {
    let key = of.key();
    match share {
        None => format!("the server has reached its limit of {limit} open {of} (grpc.{key})"),
        Some(share) => format!(
            "this caller has reached its share (grpc.caller_share) of {share} open {of}; the server's limit is {limit} \
             (grpc.{key})"
        ),
    }
}

fn of_field(field: Option<&'static str>) -> String {
    field.map(|field| format!(": {field} is not valid")).unwrap_or_default()
}

impl Error {
    /// Returns the upstream's response, if there was one. Never for a code that was not found: a code that the upstream does
    /// not know and one that has expired here give the same response, so that guessing reveals nothing.
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

/// Evidence from a failed lookup, by which probable causes are ranked. It says nothing about earlier records of the code,
/// because a guess must not reveal whether it came close.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupClues {
    /// The typed text cannot be a code.
    pub impossible: bool,
    /// The upstream issues the codes of this place.
    pub over_upstream: bool,
    /// The environments in which the code is live for the same requestor, restricted to those that the caller may read.
    pub lives_in: Vec<EnvironmentName>,
}

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a store. Its text is for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine failed or cannot be reached: a full disk, an I/O error, a lost connection.
    #[error("{0}")]
    Unavailable(String),
    /// This version cannot read a stored value.
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
