//! Authenticates requests that are signed with the method that preceded dynamic client registration.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, header::AUTHORIZATION};

use super::{
    authentication::{Authenticator, Evidence, Identity, Proof, RequestCredentials},
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

/// The allowed difference between a request's time and the server's.
const LEEWAY: Duration = Duration::from_secs(600);

/// The range of times read as milliseconds: years 1973 to 5138. A current time in seconds is below it, one in
/// microseconds above it.
const MILLISECONDS: std::ops::Range<u64> = 100_000_000_000..100_000_000_000_000;

/// Authenticates signed requests.
#[derive(Clone)]
pub(crate) struct SignedRequestService {
    ledger: Arc<dyn Ledger>,
    policy: SharedPolicy,
    clock: SharedClock,
}

impl SignedRequestService {
    /// Authenticates requests signed with a configured key pair. Each request is valid from a single client address.
    #[must_use]
    pub(crate) fn new(ledger: Arc<dyn Ledger>, policy: SharedPolicy, clock: SharedClock) -> Self {
        Self { ledger, policy, clock }
    }

    /// Does not compare the signed method and `request_uri` with the call, since clients in the field sign one request
    /// and make others. The nonce prevents the reuse of a signature: it is only accepted from one address.
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

    /// Accepts the request from this client, unless its nonce was first used by another. Clients in the field sign
    /// once, and use that signature for all their calls during the next minutes.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] if the nonce was used from another address, [`Error::StoreUnavailable`].
    pub(crate) async fn count(&self, nonce: &Nonce, client: Address) -> Result<()> {
        let entry = LedgerEntry { value: AddressV1::encode(client), expire_time: Some(nonce.end) };
        let Some(first) = self.ledger.put_if_absent(&nonce.key, entry).await? else { return Ok(()) };
        let is_first = AddressV1::decode(&first.value).map(|first| first == client);
        // Treating it as this client's would allow anyone to replay a request. The client can sign again.
        if is_first.unwrap_or_else(|error| {
            tracing::error!(%error, "unreadable address of a nonce; rejecting the request");
            false
        }) {
            Ok(())
        } else {
            Err(Error::NotAuthenticated(AuthenticationProblem::NonceReused))
        }
    }
}

/// The requestor that a signed `Authorization` header names. The signature is not verified.
pub(crate) fn claimed_requestor(headers: &HeaderMap) -> Option<RequestorId> {
    let request = SignedRequest::parse(headers.get(AUTHORIZATION)?.to_str().ok()?.trim())?;
    RequestorId::parse("requestor_id", request.requestor_id).ok()
}

#[async_trait]
impl Authenticator for SignedRequestService {
    /// The proof is the nonce, which [`count`](SignedRequestService::count) checks.
    async fn identify(&self, evidence: &Evidence<'_>) -> Result<Option<Identity>> {
        let RequestCredentials::Other(line) = evidence.credentials() else { return Ok(None) };
        let request = SignedRequest::parse(line);
        Ok(request.map(|request| self.signer(&request)).transpose()?)
    }
}

/// Distinguishes a signed request from all others of its key pair.
#[derive(Debug, Clone)]
pub(crate) struct Nonce {
    key: LedgerKey,
    end: Timestamp,
}

impl Nonce {
    /// The nonce is kept for as long as the request's time is accepted.
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

/// The request's time, if it is close enough to the server's.
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
    async fn a_nonce_with_an_unreadable_address_is_rejected_and_logged() {
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
            service.count(&nonce(b"good"), client).await.expect("the first client's");
        }
        let entry = LedgerEntry { value: b"203.0.113.7".to_vec(), expire_time: Some(now + LEEWAY) };
        ledger.put_if_absent(&nonce(b"bad").key, entry).await.expect("works");
        let log = CapturedLog::of_this_thread();
        let refused = service.count(&nonce(b"bad"), client).await;
        assert!(
            matches!(refused, Err(Error::NotAuthenticated(AuthenticationProblem::NonceReused))),
            "{refused:?}"
        );
        assert!(log.text().contains("unreadable address of a nonce"), "{}", log.text());
    }

    fn problem(request_time: &str) -> Option<AuthenticationProblem> {
        check_time(Timestamp::from_millis(1_700_000_000_000), request_time).err()
    }

    #[test]
    fn a_time_that_is_not_in_milliseconds_differs_from_a_wrong_clock() {
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
