//! What the mock remembers.

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

/// All of it.
#[derive(Debug)]
pub(crate) struct Mock {
    /// The time.
    pub clock: Clock,
    /// Clients and their tokens.
    pub clients: Clients,
    /// The codes of v1.
    pub records: Codes<Record>,
    /// The codes of v2.
    pub sessions: Codes<Session>,
    /// What tests have set.
    pub settings: Settings,
    /// The operators.
    pub catalog: Catalog,
    /// Who may log in with them.
    pub accounts: Accounts,
    /// What they said of viewers who came back from their pages, by the codes that stand for it.
    pub assertions: Codes<Assertion>,
    /// Who has logged in.
    pub profiles: Profiles,
    /// What is decided in another way.
    pub verdicts: Verdicts,
    /// Trials.
    pub trials: Trials,
    /// What is to go wrong.
    pub faults: Faults,
    /// How often devices call, unless it does not matter.
    pub throttle: Option<Throttle>,
    /// The calls so far.
    pub calls: CallLog,
}

impl Mock {
    /// Remembers nothing yet.
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
