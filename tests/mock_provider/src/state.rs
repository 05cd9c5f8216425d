//! What the mock remembers.

use crate::{
    call_log::CallLog, client::Clients, clock::Clock, code::Codes, fault::Faults, profile::Logins,
    record::Record, session::Session, throttle::Throttle, trial::Trials,
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
    /// Who has logged in.
    pub logins: Logins,
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
    pub(crate) fn new(token_seconds: u32, throttles: bool, records_calls: bool) -> Self {
        Self {
            clock: Clock::default(),
            clients: Clients::new(token_seconds),
            records: Codes::default(),
            sessions: Codes::default(),
            logins: Logins::default(),
            trials: Trials::default(),
            faults: Faults::default(),
            throttle: throttles.then(Throttle::default),
            calls: CallLog::new(records_calls),
        }
    }
}
