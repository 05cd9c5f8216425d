//! What tests set for all calls, beside what they order for some.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

/// All of it. Times are in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// What every answer takes at least.
    pub delay_ms: u64,
    /// How long a session of v2 lives.
    pub session_ms: i64,
    /// How long a login holds.
    pub profile_ms: i64,
    /// How long an operator's decision holds.
    pub decision_ms: i64,
    /// How long players may use a media token.
    pub media_token_ms: i64,
    /// How many resources one call may ask to authorize. The pages' requests have one and two (assumption).
    pub max_authorize: usize,
    /// How many resources one call may ask to preauthorize.
    pub max_preauthorize: usize,
    /// When a TempPass shows a profile.
    pub trial_profiles: TrialProfiles,
    /// What becomes of a statement's client when the statement is registered again.
    pub clients_per_statement: ClientsPerStatement,
    /// The service providers that access tokens are good for; all, when it is absent.
    pub service_providers: Option<Vec<String>>,
    /// The domains that are registered for every service provider.
    pub domains: Vec<String>,
    /// Whether a login may start from a domain that is not registered. The documents do not say; it may not (assumption).
    pub accepts_any_domain: bool,
    /// Whether a decision names its resource with a blank after it, as one of the pages' examples does.
    pub pads_resources: bool,
}

/// When a TempPass shows a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialProfiles {
    /// From the first authorization on, whatever was used up.
    Begun,
    /// As the pages have it: before as well, and once the trial is used up the error instead. Asking does not start the
    /// clock (assumption).
    Usable,
}

/// What becomes of a statement's client when the statement is registered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientsPerStatement {
    /// It ends, so that a test notices who registers without need.
    One,
    /// It lives on: each instance of an application has a client of its own.
    Many,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay_ms: 0,
            session_ms: 30 * MINUTE,
            profile_ms: 30 * DAY,
            decision_ms: DAY,
            media_token_ms: 7 * MINUTE,
            max_authorize: 2,
            max_preauthorize: 5,
            trial_profiles: TrialProfiles::Begun,
            clients_per_statement: ClientsPerStatement::One,
            service_providers: None,
            domains: ["adobe.com", "example.com"].map(str::to_owned).into(),
            accepts_any_domain: false,
            pads_resources: false,
        }
    }
}
