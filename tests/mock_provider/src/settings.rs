//! Settings of tests for all calls, in addition to faults and decisions for some calls.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The settings. Times are in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The minimum delay of every response.
    pub delay_ms: u64,
    /// The lifetime of v2 sessions.
    pub session_ms: i64,
    /// The validity of logins.
    pub profile_ms: i64,
    /// The validity of operators' decisions.
    pub decision_ms: i64,
    /// The validity of media tokens.
    pub media_token_ms: i64,
    /// The maximum number of resources in an authorization. The documented requests have one or two (assumption).
    pub max_authorize: usize,
    /// The maximum number of resources in a preauthorization.
    pub max_preauthorize: usize,
    /// When a TempPass has a profile.
    pub trial_profiles: TrialProfiles,
    /// The effect of another registration on the existing client of a statement.
    pub clients_per_statement: ClientsPerStatement,
    /// The service providers for which access tokens are valid; by default all.
    pub service_providers: Option<Vec<String>>,
    /// The domains that are registered for every service provider.
    pub domains: Vec<String>,
    /// Whether a login may start from an unregistered domain. The documents do not say; by default it may not (assumption).
    pub accepts_any_domain: bool,
    /// Whether decisions return their resource with a trailing space, like one example on the pages.
    pub pads_resources: bool,
}

/// When a TempPass has a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialProfiles {
    /// From the first authorization on, also when it is used up.
    Begun,
    /// As documented: also before the first authorization, and an error once the trial is used up. Reading the profile does
    /// not start the trial (assumption).
    Usable,
}

/// The effect of another registration on the existing client of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientsPerStatement {
    /// It ends, so that tests detect needless registrations.
    One,
    /// It stays valid: each instance of an application has its own client.
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
