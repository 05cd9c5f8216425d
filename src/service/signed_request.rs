//! Who sent a request that is signed the way that was usual before dynamic client registration.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, header::AUTHORIZATION};

use super::{
    authentication::{Authenticator, Credentials, Evidence, Identity, Proof},
    policy::SharedPolicy,
};
use crate::{
    auth::SignedRequest,
    domain::{
        address::Address,
        authentication::AuthenticationProblem,
        caller::{Caller, Permission, Scope},
        clock::{SharedClock, Timestamp},
        error::{Error, Result},
        id::RequestorId,
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerEntry, LedgerKey},
    },
    format::AddressV1,
};

/// How far a request's time may be from ours.
const LEEWAY: Duration = Duration::from_secs(600);

/// What can be milliseconds: from 1973 to 5138. A moment of our time in seconds is before that, and one in microseconds
/// after it.
const MILLISECONDS: std::ops::Range<u64> = 100_000_000_000..100_000_000_000_000;

/// Recognizes signed requests.
#[derive(Clone)]
pub(crate) struct SignedRequestService {
    ledger: Arc<dyn Ledger>,
    policy: SharedPolicy,
    clock: SharedClock,
}

impl SignedRequestService {
    /// Recognizes requests that are signed with a configured key pair, each from one client.
    #[must_use]
    pub(crate) fn new(ledger: Arc<dyn Ledger>, policy: SharedPolicy, clock: SharedClock) -> Self {
        Self { ledger, policy, clock }
    }

    /// Neither the method nor the `request_uri` that were signed are compared with the call: clients in the field sign one and
    /// make others. What keeps a signature from being of use to somebody else is its nonce, which counts from one address.
    fn signer(&self, request: &SignedRequest<'_>) -> Result<Identity, AuthenticationProblem> {
        let policy = self.policy.load_full();
        let key = policy.clients.legacy_keys.get(request.public_key);
        let key = key.filter(|key| request.is_signed_with(key.secret_key.reveal()));
        let key = key.ok_or(AuthenticationProblem::SignatureInvalid)?;
        let request_time = check_time(self.clock.now(), request.request_time)?;
        let requestor = RequestorId::parse("requestor_id", request.requestor_id).ok();
        let requestors = requestor.into_iter().filter(|requestor| key.requestors.contains(requestor));
        let name = format!("key pair {}", request.public_key);
        let caller = Caller::new(name, Scope::Only(requestors.collect()), Scope::Any, Permission::DEVICE);
        Ok(Identity { caller, proof: Proof::Signature(Nonce::new(request, request_time)) })
    }

    /// Lets the request of this client count, unless its nonce came from another one before: clients in the field sign
    /// once, and use that for all their calls of the next minutes.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] where it came from another address, [`Error::StoreUnavailable`].
    pub(crate) async fn count(&self, nonce: &Nonce, client: Address) -> Result<()> {
        let entry = LedgerEntry { value: AddressV1::encode(client), expire_time: Some(nonce.end) };
        let Some(first) = self.ledger.put_if_absent(&nonce.key, entry).await? else { return Ok(()) };
        let is_first = AddressV1::decode(&first.value).map(|first| first == client);
        // To take it for this client's would let a request be repeated by anybody; the client signs anew.
        if is_first.unwrap_or_else(|error| {
            tracing::error!(%error, "the address of a nonce cannot be read, and counts as another one");
            false
        }) {
            Ok(())
        } else {
            Err(Error::NotAuthenticated(AuthenticationProblem::NonceReused))
        }
    }
}

/// The requestor that a signed `Authorization` header is for, if it is one. Nothing is proven by it.
pub(crate) fn claimed_requestor(headers: &HeaderMap) -> Option<RequestorId> {
    let request = SignedRequest::parse(headers.get(AUTHORIZATION)?.to_str().ok()?.trim())?;
    RequestorId::parse("requestor_id", request.requestor_id).ok()
}

#[async_trait]
impl Authenticator for SignedRequestService {
    /// The proof is the nonce by which the request [counts](SignedRequestService::count).
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let Credentials::Other(line) = evidence.credentials() else { return Ok(None) };
        let request = SignedRequest::parse(line);
        Ok(request.map(|request| self.signer(&request)).transpose()?)
    }
}

/// What makes a signed request different from all others of its key pair.
#[derive(Debug, Clone)]
pub(crate) struct Nonce {
    key: LedgerKey,
    end: Timestamp,
}

impl Nonce {
    /// It is kept for as long as the request's time would be taken.
    fn new(request: &SignedRequest<'_>, request_time: Timestamp) -> Self {
        let mut name = request.public_key.as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(request.nonce.as_bytes());
        let end = request_time + LEEWAY + Duration::from_secs(1);
        Self { key: LedgerKey { kind: LedgerKind::RequestNonce, name }, end }
    }
}

impl std::fmt::Debug for SignedRequestService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignedRequestService").finish_non_exhaustive()
    }
}

/// The request's time, where it is near ours.
pub(crate) fn check_time(now: Timestamp, request_time: &str) -> Result<Timestamp, AuthenticationProblem> {
    let millis = request_time.parse().ok().filter(|millis| MILLISECONDS.contains(millis));
    let Some(time) = millis.map(Timestamp::from_millis) else {
        return Err(AuthenticationProblem::RequestTimeNotInMilliseconds);
    };
    if now.since(time).max(time.since(now)) <= LEEWAY {
        Ok(time)
    } else {
        Err(AuthenticationProblem::RequestTimeOff)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{
        config::{Config, ValidConfig},
        domain::clock::ManualClock,
        service::policy::{Policy, PresentPolicy},
        store::embedded::{EmbeddedOptions, EmbeddedStore},
        telemetry::CapturedLog,
    };

    #[tokio::test]
    async fn a_nonce_whose_address_cannot_be_read_is_refused_and_that_is_logged() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Timestamp::from_millis(1_000_000);
        let clock = ManualClock::new(now);
        let options = EmbeddedOptions::new(folder.path(), clock.clone());
        let options = EmbeddedOptions { free_space_reserve: 0, ..options };
        let ledger = EmbeddedStore::open(options).expect("opens").ports().ledger;
        let policy = Policy::new(&ValidConfig::read(Config::default()).expect("valid"));
        let policy = Arc::new(PresentPolicy::new(policy));
        let service = SignedRequestService::new(Arc::clone(&ledger), policy, clock);
        let nonce = |name: &[u8]| Nonce {
            key: LedgerKey { kind: LedgerKind::RequestNonce, name: name.to_vec() },
            end: now + LEEWAY,
        };
        let client: Address = "203.0.113.7".parse().expect("an address");
        for _ in 0..2 {
            service.count(&nonce(b"good"), client).await.expect("is the first one's");
        }
        let entry = LedgerEntry { value: b"203.0.113.7".to_vec(), expire_time: Some(now + LEEWAY) };
        ledger.put_if_absent(&nonce(b"bad").key, entry).await.expect("works");
        let log = CapturedLog::of_this_thread();
        let refused = service.count(&nonce(b"bad"), client).await;
        assert!(
            matches!(refused, Err(Error::NotAuthenticated(AuthenticationProblem::NonceReused))),
            "{refused:?}"
        );
        assert!(log.text().contains("the address of a nonce cannot be read"), "{}", log.text());
    }

    fn problem(request_time: &str) -> Option<AuthenticationProblem> {
        check_time(Timestamp::from_millis(1_700_000_000_000), request_time).err()
    }

    #[test]
    fn what_counts_no_milliseconds_is_told_from_a_clock_that_is_off() {
        for near in ["1699999400000", "1700000600000"] {
            assert_eq!(problem(near), None, "{near}");
        }
        for off in ["1700000600001", "1699999399999", "1600000000000"] {
            assert_eq!(problem(off), Some(AuthenticationProblem::RequestTimeOff), "{off}");
        }
        for other in ["1700000000", "1700000000000000", "1700000000.123", "2023-11-14T22:13:20Z", "", "-1"] {
            let expected = Some(AuthenticationProblem::RequestTimeNotInMilliseconds);
            assert_eq!(problem(other), expected, "{other}");
        }
    }
}
