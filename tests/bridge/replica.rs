//! Replicas: several services over one store, like several servers with a shared store.

use std::{net::IpAddr, time::Duration};

use futures_util::{
    TryStreamExt,
    future::{Either, join, select},
};
use passbridge::{
    backend::upstream::{Upstream, release_leases},
    config::{BackendKind, Config},
    domain::{
        call::CallContext,
        caller::Caller,
        clock::{Clock, ManualClock, Timestamp},
        error::Error,
        fingerprint::Fingerprint,
        id::DeviceId,
        ledger_kind::LedgerKind,
        port::{LedgerEntry, LedgerKey},
        registration_code::RegistrationRequest,
    },
    service::{RegistrationService, registration::IdempotentRequest},
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    STATEMENT, environment, eventually, provider::Provider, replicas::Replicas, request::REQUESTOR,
    statement_file, test_server::START,
};

/// Replicas of one upstream.
struct Shared {
    provider: Provider,
    replicas: Replicas,
}

impl Shared {
    async fn new() -> Self {
        let provider = Provider::start();
        provider.set_clock(START).await;
        let mut config = Config::default();
        environment(&mut config, &provider.url(), BackendKind::V1, statement_file(STATEMENT).path());
        config.environments.get_mut("default").expect("present").upstream_connections = 8;
        let replicas = Replicas::new(config, STATEMENT, Timestamp::from_millis(START));
        Self { provider, replicas }
    }

    fn upstream(&self) -> Upstream {
        self.replicas.upstream(&self.replicas.clock)
    }

    fn replica(&self) -> RegistrationService {
        self.replicas.replica()
    }

    fn request(&self, device: u8) -> Box<RegistrationRequest> {
        Box::new(RegistrationRequest {
            device_id: DeviceId::parse("device_id", "the device").ok(),
            device_ip: Some(IpAddr::from([203, 0, 113, device]).into()),
            ..RegistrationRequest::new(self.replicas.place(REQUESTOR))
        })
    }

    /// An environment that has registered and lost its token, with an unreadable lease in the store.
    async fn with_unreadable_lease() -> Self {
        let shared = Self::new().await;
        let backend = shared.upstream().backends().v1;
        backend.codes().issue(&CallContext::default(), shared.request(1), None).await.expect("creates");
        let ledger = &shared.replicas.store.ledger;
        let (name, token) = shared.kept(LedgerKind::UpstreamToken).await;
        let key = LedgerKey { kind: LedgerKind::UpstreamToken, name: name.clone() };
        assert!(ledger.swap(&key, Some(&token.value), None).await.expect("succeeds"));
        let end = shared.replicas.clock.now() + LEASE;
        let lease = LedgerEntry { value: b"\xff\xff".to_vec(), expire_time: Some(end) };
        let key = LedgerKey { kind: LedgerKind::UpstreamLease, name };
        assert_eq!(ledger.put_if_absent(&key, lease).await.expect("succeeds"), None);
        shared
    }

    async fn kept(&self, kind: LedgerKind) -> (Vec<u8>, LedgerEntry) {
        let entry = self.replicas.store.ledger.scan(kind).try_next().await;
        entry.expect("succeeds").expect("stored")
    }

    /// Runs a future while the clock advances quickly.
    async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        loop {
            let tick = Box::pin(tokio::time::sleep(Duration::from_millis(5)));
            match select(work, tick).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right(((), rest)) => work = rest,
            }
            self.replicas.clock.advance(Duration::from_secs(1));
        }
    }
}

/// The duration of the lease under which one replica gets a token.
const LEASE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn an_unreadable_lease_is_awaited_before_a_token_is_requested() {
    let shared = Shared::with_unreadable_lease().await;
    let backend = shared.upstream().backends().v1;
    let (start, context) = (shared.replicas.clock.instant(), CallContext::default());
    let issued = shared.while_time_passes(backend.codes().issue(&context, shared.request(2), None)).await;
    issued.expect("creates");
    assert!(shared.replicas.clock.instant().since(start) >= LEASE, "the call did not wait for the lease");
    assert_eq!(shared.provider.issued().await, (1, 2));
}

#[tokio::test]
async fn an_unreadable_lease_is_removed_by_a_server_with_exclusive_access_to_the_store() {
    let shared = Shared::with_unreadable_lease().await;
    release_leases(&*shared.replicas.store.ledger).await.expect("succeeds");
    let backend = shared.upstream().backends().v1;
    backend
        .codes()
        .issue(&CallContext::default(), shared.request(2), None)
        .await
        .expect("creates without waiting");
}

#[tokio::test]
async fn two_replicas_that_registered_both_use_the_stored_credentials() {
    let shared = Shared::new().await;
    let (first, second) = (shared.upstream().backends().v1, shared.upstream().backends().v1);
    shared.provider.fault(json!({ "path": "/o/client/register", "times": 1, "late": { "ms": 1500 } })).await;
    let context = CallContext::default();
    let slow = first.codes().issue(&context, shared.request(1), None);
    let fast = async {
        eventually(async || shared.provider.issued().await.0 == 1).await;
        // The lease of the slow replica expires.
        shared.replicas.clock.advance(Duration::from_secs(121));
        second.codes().issue(&context, shared.request(2), None).await
    };
    let (slow, fast) = join(slow, fast).await;
    fast.expect("creates");
    slow.expect("creates with the other replica's credentials");
    assert_eq!(shared.provider.issued().await.0, 2, "both have registered");
}

#[tokio::test]
async fn a_replica_with_a_slow_clock_holds_its_lease_as_long_as_any_other() {
    let shared = Shared::new().await;
    let behind = ManualClock::new(Timestamp::from_millis(START - 3_600_000));
    let (first, second) = (shared.replicas.upstream(&behind).backends().v1, shared.upstream().backends().v1);
    shared.provider.fault(json!({ "path": "/o/client/register", "times": 1, "late": { "ms": 1500 } })).await;
    let context = CallContext::default();
    let waits = async {
        eventually(async || shared.provider.issued().await.0 == 1).await;
        second.codes().issue(&context, shared.request(2), None).await
    };
    tokio::select! {
        created = first.codes().issue(&context, shared.request(1), None) => drop(created.expect("creates")),
        _ = waits => panic!("the other replica did not wait for the lease"),
    }
    assert_eq!(shared.provider.issued().await.0, 1, "one replica has registered");
}

#[tokio::test]
async fn cancelled_waits_for_a_token_leave_no_waiters() {
    let shared = Shared::new().await;
    let backend = shared.upstream().backends().v1;
    shared.provider.fault(json!({ "path": "/o/client/", "hang": {} })).await;
    let context = CallContext::default();
    for device in 0..200 {
        let call = backend.codes().issue(&context, shared.request(device), None);
        futures_util::pin_mut!(call);
        assert!(futures_util::poll!(call).is_pending());
    }
    assert_eq!(shared.replicas.tasks.len(), 1, "only the task that gets the token");
}

#[tokio::test]
async fn waits_for_a_token_are_limited_and_further_callers_are_refused() {
    let shared = Shared::new().await;
    let backend = shared.upstream().backends().v1;
    shared.provider.fault(json!({ "path": "/o/client/", "hang": {} })).await;
    let context = CallContext::default();
    let mut waiting = Vec::new();
    let refused = loop {
        let mut call = backend.codes().issue(&context, shared.request(1), None);
        match futures_util::poll!(&mut call) {
            std::task::Poll::Pending => waiting.push(call),
            std::task::Poll::Ready(answer) => break answer,
        }
        assert!(waiting.len() < 10_000, "without end");
    };
    assert!(matches!(refused, Err(Error::UpstreamUnavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_repeat_on_another_replica_deletes_the_duplicate_code_at_the_provider() {
    let shared = Shared::new().await;
    let (first, second) = (shared.replica(), shared.replica());
    let caller = Caller::anonymous();
    for (replica, device) in [(&first, 2), (&second, 3)] {
        replica.create(&caller, shared.request(device), None).await.expect("creates, and gets a token");
    }
    shared.provider.forget_calls().await;
    // Both replicas look up the idempotency key before either creates its code.
    let slow = json!({ "path": "/reggie/", "method": "POST", "delay": { "ms": 300 } });
    shared.provider.fault(slow).await;
    let repeat = Some(IdempotentRequest {
        request_id: Uuid::from_u128(1),
        fingerprint: Fingerprint::of(&shared.request(1)),
    });
    let (first, second) = join(
        first.create(&caller, shared.request(1), repeat),
        second.create(&caller, shared.request(1), repeat),
    )
    .await;
    let [first, second] = [first, second].map(|created| created.expect("creates").view.registration);
    assert_eq!(first.id, second.id);
    let calls = shared.provider.calls_to("/reggie/").await;
    let paths = |method| {
        let calls = calls.iter().filter(move |call| call["method"] == method);
        calls.map(|call| call["path"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("POST").len(), 2);
    let deleted = paths("DELETE");
    assert!(
        deleted.len() == 1 && !deleted[0].ends_with(first.code.as_str()),
        "the duplicate is deleted: {deleted:?}"
    );
}
