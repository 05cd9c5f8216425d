//! Replicas: several use cases over one store, as several servers are over a store that they share.

use std::{net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::future::join;
use passbridge::{
    auth::KeyRing,
    backend::{
        LocalBackend, LocalParts,
        upstream::{ShadowedCodes, Statement, Upstream, UpstreamOptions, UpstreamParts},
    },
    config::{Backend, Config, ValidConfig},
    domain::{
        call::CallContext,
        caller::Caller,
        clock::{ManualClock, Timestamp},
        device_info::Normalizer,
        error::Error,
        fingerprint::Fingerprint,
        id::DeviceId,
        port::Store,
        randomness::OsRandomness,
        registration::RegistrationRequest,
        secret::SecretText,
    },
    service::{
        RegistrationService,
        backends::Backends,
        budget::LookupBudget,
        policy::{Place, Policy},
        registration::{Parts, Repeat},
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};
use serde_json::json;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::support::{environment, eventually, provider::Provider, statement_file, test_server::START};

/// What the replicas have in common.
struct Shared {
    provider: Provider,
    store: Store,
    clock: Arc<ManualClock>,
    tasks: TaskTracker,
    config: Config,
    _folder: tempfile::TempDir,
}

impl Shared {
    async fn new() -> Self {
        let provider = Provider::start();
        provider.set_clock(START).await;
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(START));
        let options =
            EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
        let store = EmbeddedStore::open(options).expect("opens").ports();
        let mut config = Config::default();
        environment(&mut config, &provider.url(), Backend::V1, statement_file("unused").path());
        Self { provider, store, clock, tasks: TaskTracker::new(), config, _folder: folder }
    }

    fn policy(&self) -> Policy {
        let file = &self.config.environments["default"].software_statement_file;
        let files = file.iter().map(|file| (file.clone(), "unused")).collect();
        Policy::new(&ValidConfig::new(self.config.clone(), &files).expect("valid"))
    }

    fn upstream(&self) -> Upstream {
        self.upstream_by(&self.clock)
    }

    /// The upstream of a replica that goes by a clock of its own.
    fn upstream_by(&self, clock: &Arc<ManualClock>) -> Upstream {
        let url = self.provider.url().parse::<reqwest::Url>().expect("a URL");
        let options = UpstreamOptions {
            url: url.clone(),
            reset_url: url,
            redirect_uri: "passbridge://client".to_owned(),
            token_parameters_in_query: false,
            timeout: Duration::from_secs(10),
            connections: 8,
        };
        let parts = UpstreamParts {
            ledger: Arc::clone(&self.store.ledger),
            limits: Arc::clone(&self.store.limits),
            key_ring: Arc::new(KeyRing::default()),
            codes: ShadowedCodes::new(Arc::clone(&self.store.codes), &Handle::current()),
            code_format: self.policy().code_format.clone(),
            clock: clock.clone(),
            randomness: Arc::new(OsRandomness),
            normalizer: Arc::new(Normalizer::new()),
            max_live_codes: self.policy().max_live_codes,
            metrics: None,
            tasks: self.tasks.clone(),
        };
        let statement = Statement::from(&SecretText::from("the.software.statement".to_owned()));
        Upstream::new(self.place().environment, options, statement, parts).expect("a client")
    }

    /// A replica's use cases.
    fn replica(&self) -> RegistrationService {
        let policy = self.policy().with_upstream(&self.place().environment, self.upstream().backends());
        let local = LocalBackend::over(LocalParts {
            store: self.store.clone(),
            code_format: policy.code_format.clone(),
            max_live_codes: policy.max_live_codes,
            clock: self.clock.clone(),
            randomness: Arc::new(OsRandomness),
            normalizer: Arc::new(Normalizer::new()),
        });
        RegistrationService::new(Parts {
            store: self.store.clone(),
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            clock: self.clock.clone(),
            randomness: Arc::new(OsRandomness),
            backends: Backends::new(local),
            budget: LookupBudget::new(Arc::clone(&self.store.limits), 10, 600),
            on_miss: Arc::new(|_| {}),
            max_watches: 1,
            tasks: self.tasks.clone(),
        })
    }

    fn place(&self) -> Place {
        self.policy().place(("environment", "default"), ("requestor_id", "REF")).expect("valid")
    }

    fn request(&self, device: u8) -> RegistrationRequest {
        RegistrationRequest {
            device_id: DeviceId::parse("device_id", "the device").ok(),
            device_ip: Some(IpAddr::from([203, 0, 113, device]).into()),
            ..RegistrationRequest::new(self.place())
        }
    }
}

#[tokio::test]
async fn of_two_replicas_that_registered_both_use_the_credentials_that_are_kept() {
    let shared = Shared::new().await;
    let (first, second) = (shared.upstream().backends().v1.codes, shared.upstream().backends().v1.codes);
    shared.provider.fault(json!({ "path": "/o/client/register", "times": 1, "late": { "ms": 1500 } })).await;
    let context = CallContext::default();
    let slow = first.issue(&context, shared.request(1), None);
    let fast = async {
        eventually(async || shared.provider.issued().await.0 == 1).await;
        // The lease of the slow one ends.
        shared.clock.advance(Duration::from_secs(121));
        second.issue(&context, shared.request(2), None).await
    };
    let (slow, fast) = join(slow, fast).await;
    fast.expect("creates");
    slow.expect("creates with the credentials of the other one");
    assert_eq!(shared.provider.issued().await.0, 2, "both have registered");
}

#[tokio::test]
async fn a_replica_whose_clock_is_behind_holds_its_lease_as_long_as_any_other() {
    let shared = Shared::new().await;
    let behind = ManualClock::new(Timestamp::from_millis(START - 3_600_000));
    let (first, second) =
        (shared.upstream_by(&behind).backends().v1.codes, shared.upstream().backends().v1.codes);
    shared.provider.fault(json!({ "path": "/o/client/register", "times": 1, "late": { "ms": 1500 } })).await;
    let context = CallContext::default();
    let waits = async {
        eventually(async || shared.provider.issued().await.0 == 1).await;
        second.issue(&context, shared.request(2), None).await
    };
    tokio::select! {
        created = first.issue(&context, shared.request(1), None) => drop(created.expect("creates")),
        _ = waits => panic!("another replica did not wait for the lease to end"),
    }
    assert_eq!(shared.provider.issued().await.0, 1, "one has registered");
}

#[tokio::test]
async fn callers_that_leave_while_a_token_is_awaited_leave_nothing_behind() {
    let shared = Shared::new().await;
    let codes = shared.upstream().backends().v1.codes;
    shared.provider.fault(json!({ "path": "/o/client/", "hang": {} })).await;
    let context = CallContext::default();
    for device in 0..200 {
        let call = codes.issue(&context, shared.request(device), None);
        futures_util::pin_mut!(call);
        assert!(futures_util::poll!(call).is_pending());
    }
    assert_eq!(shared.tasks.len(), 1, "who asks for the token");
}

#[tokio::test]
async fn only_so_many_wait_for_a_token_and_the_others_are_told() {
    let shared = Shared::new().await;
    let codes = shared.upstream().backends().v1.codes;
    shared.provider.fault(json!({ "path": "/o/client/", "hang": {} })).await;
    let context = CallContext::default();
    let mut waiting = Vec::new();
    let refused = loop {
        let mut call = codes.issue(&context, shared.request(1), None);
        match futures_util::poll!(&mut call) {
            std::task::Poll::Pending => waiting.push(call),
            std::task::Poll::Ready(answer) => break answer,
        }
        assert!(waiting.len() < 10_000, "without end");
    };
    assert!(matches!(refused, Err(Error::UpstreamUnavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn of_two_replicas_that_are_sent_one_request_the_later_ones_code_is_deleted_at_the_provider() {
    let shared = Shared::new().await;
    let (first, second) = (shared.replica(), shared.replica());
    let caller = Caller::anonymous();
    for (replica, device) in [(&first, 2), (&second, 3)] {
        replica.create(&caller, shared.request(device), None).await.expect("creates, and has a token now");
    }
    shared.provider.forget_calls().await;
    // Both have asked whether the request is known before either has made its code.
    let slow = json!({ "path": "/reggie/", "method": "POST", "delay": { "ms": 300 } });
    shared.provider.fault(slow).await;
    let repeat =
        Some(Repeat { request_id: Uuid::from_u128(1), fingerprint: Fingerprint::of(&shared.request(1)) });
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
    assert!(deleted.len() == 1 && !deleted[0].ends_with(first.code.as_str()), "the other one: {deleted:?}");
}
