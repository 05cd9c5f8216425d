//! Registration codes: create, get, delete and watch, over whatever backend and store there is.

mod abandoned;
mod create;
mod delete;
mod get;
mod kept_answer;
mod known_code;
mod login;
mod lookup;
mod poll;
mod watch;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{
    backends::Backends,
    budget::LookupBudget,
    device_memory::DeviceMemory,
    policy::{Place, SharedPolicy, VerificationUris},
    quota::Quota,
    single_flight::SingleFlight,
};
use crate::domain::{
    address::Address,
    caller::Caller,
    clock::SharedClock,
    id::EnvironmentName,
    port::{LedgerKey, Store},
    randomness::SharedRandomness,
    registration::{Registration, State},
};

pub use create::Created;
pub use kept_answer::Repeat;
pub(in crate::service) use known_code::TypedCode;
use poll::Pollers;

pub use watch::{WatchEvent, WatchRegistration};

/// The use cases around registration codes. A cheap handle.
#[derive(Clone)]
pub struct RegistrationService {
    inner: Arc<Inner>,
}

/// Called with the environment of a lookup that missed.
pub type OnMiss = Arc<dyn Fn(&EnvironmentName) + Send + Sync>;

/// What the use cases work with.
pub struct Parts {
    /// Where records are kept.
    pub store: Store,
    /// What the operator configured.
    pub policy: SharedPolicy,
    /// Time.
    pub clock: SharedClock,
    /// Randomness for pauses.
    pub randomness: SharedRandomness,
    /// Who issues codes.
    pub backends: Backends,
    /// What is kept of devices, for upstreams that keep nothing of the kind.
    pub memory: DeviceMemory,
    /// How many wrong codes may be tried.
    pub budget: LookupBudget,
    /// Told of each lookup that is charged to that budget.
    pub on_miss: OnMiss,
    /// How many watches are served at once.
    pub watches: Arc<Quota>,
    /// Creates that nobody may break off, on the threads of who asked for them. The drain waits for them.
    pub tasks: TaskTracker,
}

struct Inner {
    parts: Parts,
    repeats: SingleFlight<LedgerKey>,
    pollers: Pollers,
}

/// A code that somebody typed, looked up in one place.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Where to look.
    pub place: Place,
    /// The code as it was typed, checked by [`crate::domain::code::check_typed`].
    pub typed: String,
    /// The address of the person who typed it, where the caller knows it.
    pub viewer: Option<Address>,
}

/// A record as it is shown to callers.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationView {
    /// The record.
    pub registration: Box<Registration>,
    /// Where it is in its life.
    pub state: State,
    /// Where the viewer types the code.
    pub verification: VerificationUris,
    /// Whether it is only what an upstream tells of a code that was not issued through here: neither the record's id nor
    /// that of the device is known then.
    pub is_partial: bool,
}

impl RegistrationService {
    /// The use cases over `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(Inner { parts, repeats: SingleFlight::default(), pollers: Pollers::default() }),
        }
    }

    /// What the operator configured, for faces that must know which places there are.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.inner.parts.policy
    }

    fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    fn view(&self, registration: Box<Registration>, state: State) -> RegistrationView {
        let place = Place {
            environment: registration.environment.clone(),
            requestor: registration.requestor.clone(),
        };
        let verification = self.parts().policy.load().verification_uris(&place, &registration.code);
        RegistrationView { registration, state, verification, is_partial: false }
    }
}

impl std::fmt::Debug for RegistrationService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RegistrationService").finish_non_exhaustive()
    }
}

/// Which guesser a lookup of `caller` is charged to.
fn guesser(caller: &Caller, viewer: Option<Address>) -> super::budget::Guesser {
    super::budget::Guesser::new(viewer, caller.name())
}

#[cfg(test)]
mod tests;
