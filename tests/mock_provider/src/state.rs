//! The state of the mock.

use crate::{
    call_log::CallLog,
    catalog::Catalog,
    client::Clients,
    clock::Clock,
    code::Codes,
    decision::Verdicts,
    fault::Faults,
    login::{Accounts, Assertion},
    profile::Profiles,
    record::Record,
    session::Session,
    settings::Settings,
    throttle::Throttle,
    trial::Trials,
};

/// The complete state.
#[derive(Debug)]
pub(crate) struct Mock {
    pub clock: Clock,
    /// Clients and their tokens.
    pub clients: Clients,
    /// The codes of v1.
    pub records: Codes<Record>,
    /// The codes of v2.
    pub sessions: Codes<Session>,
    pub settings: Settings,
    /// The operators.
    pub catalog: Catalog,
    /// The accounts of viewers.
    pub accounts: Accounts,
    /// The operators' assertions, by the codes that transfer them.
    pub assertions: Codes<Assertion>,
    /// The logins.
    pub profiles: Profiles,
    /// Decisions that tests have set.
    pub verdicts: Verdicts,
    pub trials: Trials,
    pub faults: Faults,
    /// The rate limit of devices, if enabled.
    pub throttle: Option<Throttle>,
    /// The log of calls.
    pub calls: CallLog,
}

impl Mock {
    /// Creates an empty state.
    pub(crate) fn new(token_seconds: u32, throttles: bool, records_calls: bool, settings: Settings) -> Self {
        Self {
            clock: Clock::default(),
            clients: Clients::new(token_seconds),
            records: Codes::default(),
            sessions: Codes::default(),
            settings,
            catalog: Catalog::default(),
            accounts: Accounts::default(),
            assertions: Codes::default(),
            profiles: Profiles::default(),
            verdicts: Verdicts::default(),
            trials: Trials::default(),
            faults: Faults::default(),
            throttle: throttles.then(Throttle::default),
            calls: CallLog::new(records_calls),
        }
    }
}
