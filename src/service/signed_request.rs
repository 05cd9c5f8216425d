//! Who sent a request that is signed the way that was usual before dynamic client registration.

use std::{sync::Arc, time::Duration};

use super::policy::SharedPolicy;
use crate::{
    auth::SignedRequest,
    domain::{
        authentication::AuthenticationProblem,
        caller::{Caller, Permission, Scope},
        clock::{SharedClock, Timestamp},
        error::{Error, Result},
        id::RequestorId,
        port::{Ledger, LedgerEntry, LedgerKey},
    },
};

/// How far a request's time may be from ours.
const LEEWAY: Duration = Duration::from_secs(600);

/// A moment before this many milliseconds, in March 1973, is one in seconds: as seconds it is in the year 5138.
const MILLISECONDS_MIN: u64 = 100_000_000_000;

/// What such a client may do, whatever others may: it is older than everything else.
const PERMISSIONS: [Permission; 3] =
    [Permission::CodesCreate, Permission::CodesRead, Permission::CodesDelete];

/// Recognizes signed requests.
#[derive(Clone)]
pub struct SignedRequestService {
    ledger: Arc<dyn Ledger>,
    policy: SharedPolicy,
    clock: SharedClock,
}

impl SignedRequestService {
    /// Recognizes requests that are signed with a configured key pair, each once.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, policy: SharedPolicy, clock: SharedClock) -> Self {
        Self { ledger, policy, clock }
    }

    /// The caller that signed `header`, the `Authorization` of a request with this HTTP method.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::StoreUnavailable`].
    pub async fn authenticate(&self, method: &str, header: &str) -> Result<Caller> {
        let refused = |problem| Err(Error::NotAuthenticated(problem));
        let Some(request) = SignedRequest::parse(header) else {
            return refused(AuthenticationProblem::Unreadable);
        };
        let policy = self.policy.load_full();
        let key = policy.clients.legacy_keys.get(request.public_key);
        let Some(key) = key.filter(|key| request.is_signed_with(key.secret_key.reveal())) else {
            return refused(AuthenticationProblem::SignatureInvalid);
        };
        if request.method != method {
            return refused(AuthenticationProblem::SignatureInvalid);
        }
        if let Some(problem) = time_problem(self.clock.now(), request.request_time) {
            return refused(problem);
        }
        if !self.is_first(&request).await? {
            return refused(AuthenticationProblem::NonceReused);
        }
        let requestor = RequestorId::parse("requestor_id", request.requestor_id).ok();
        let requestors = requestor.into_iter().filter(|requestor| key.requestors.contains(requestor));
        let name = format!("key pair {}", request.public_key);
        Ok(Caller::new(name, Scope::Only(requestors.collect()), Scope::Any, PERMISSIONS))
    }

    /// Whether the nonce is here for the first time. It is kept for as long as the request's time would be taken.
    async fn is_first(&self, request: &SignedRequest<'_>) -> Result<bool> {
        let mut name = request.public_key.as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(request.nonce.as_bytes());
        let key = LedgerKey { kind: "request_nonce", name };
        let end = Timestamp::from_millis(request.request_time) + LEEWAY + Duration::from_secs(1);
        let entry = LedgerEntry { value: Vec::new(), expire_time: Some(end) };
        Ok(self.ledger.put_if_absent(&key, entry).await?.is_none())
    }
}

impl std::fmt::Debug for SignedRequestService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignedRequestService").finish_non_exhaustive()
    }
}

fn time_problem(now: Timestamp, request_time: u64) -> Option<AuthenticationProblem> {
    let time = Timestamp::from_millis(request_time);
    if now.since(time).max(time.since(now)) <= LEEWAY {
        None
    } else if request_time < MILLISECONDS_MIN {
        Some(AuthenticationProblem::RequestTimeInSeconds)
    } else {
        Some(AuthenticationProblem::RequestTimeOff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_from_a_clock_that_is_off() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let minute = 60_000;
        assert_eq!(time_problem(now, 1_700_000_000_000 - 10 * minute), None);
        assert_eq!(time_problem(now, 1_700_000_000_000 + 10 * minute), None);
        let off = Some(AuthenticationProblem::RequestTimeOff);
        assert_eq!(time_problem(now, 1_700_000_000_000 + 10 * minute + 1), off);
        assert_eq!(time_problem(now, u64::MAX), off);
        assert_eq!(time_problem(now, 1_700_000_000), Some(AuthenticationProblem::RequestTimeInSeconds));
    }
}
