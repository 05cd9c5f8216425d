//! Registration codes: create, get, delete and watch, over any backend and store.

mod abandoned;
mod create;
mod delete;
mod get;
mod known_code;
mod login;
mod lookup;
mod poll;
mod stored_response;
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
    registration_code::{CodeState, RegistrationCode},
};

pub use create::Created;
pub(in crate::service) use known_code::TypedCode;
use poll::Pollers;
pub use stored_response::IdempotentRequest;

pub use watch::{WatchEvent, WatchRegistration};

/// The registration code use cases. A cheap handle.
#[derive(Clone)]
pub struct RegistrationService {
    inner: Arc<RegistrationState>,
}

/// Called with the environment of each failed lookup.
pub type OnMiss = Arc<dyn Fn(&EnvironmentName) + Send + Sync>;

/// The dependencies of the use cases.
pub struct RegistrationDependencies {
    /// The store of the records.
    pub store: Store,
    /// The operator's configuration.
    pub policy: SharedPolicy,
    /// The clock.
    pub clock: SharedClock,
    /// Randomness for jitter.
    pub randomness: SharedRandomness,
    /// The backends, which issue codes.
    pub backends: Backends,
    /// The memory of devices, for upstreams that have none.
    pub memory: DeviceMemory,
    /// The failed-lookup budget.
    pub budget: LookupBudget,
    /// Called for each lookup that is charged to the budget.
    pub on_miss: OnMiss,
    /// The quota of open watches.
    pub watches: Arc<Quota>,
    /// Tracks creates that must not be cancelled. They run on the runtime of their caller, and the drain waits for
    /// them.
    pub tasks: TaskTracker,
}

struct RegistrationState {
    parts: RegistrationDependencies,
    repeats: SingleFlight<LedgerKey>,
    pollers: Pollers,
}

/// A typed code and where to look it up.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The place to search.
    pub place: Place,
    /// The code as typed, checked by [`crate::domain::code::check_typed`].
    pub typed: String,
    /// The address of the viewer who typed it, if the caller knows it.
    pub viewer: Option<Address>,
}

/// A record as returned to callers.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationView {
    /// The record.
    pub registration: Box<RegistrationCode>,
    /// The state of its code.
    pub state: CodeState,
    /// Where the viewer types the code.
    pub verification: VerificationUris,
    /// Whether it is only what an upstream reports about a code that was not issued through this server. The ids of the
    /// record and the device are unknown then.
    pub is_partial: bool,
}

impl RegistrationService {
    /// Creates the use cases.
    #[must_use]
    pub fn new(parts: RegistrationDependencies) -> Self {
        Self {
            inner: Arc::new(RegistrationState {
                parts,
                repeats: SingleFlight::default(),
                pollers: Pollers::default(),
            }),
        }
    }

    /// The operator's configuration, for faces that need to know the places.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.inner.parts.policy
    }

    fn parts(&self) -> &RegistrationDependencies {
        &self.inner.parts
    }

    fn view(&self, registration: Box<RegistrationCode>, state: CodeState) -> RegistrationView {
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

/// The guesser that a lookup of `caller` is charged to.
fn guesser(caller: &Caller, viewer: Option<Address>) -> super::budget::BudgetHolder {
    super::budget::BudgetHolder::new(viewer, caller.name())
}

#[cfg(test)]
mod tests;
