use std::sync::Arc;

use futures_util::TryStreamExt;
use uuid::Uuid;

use super::*;
use crate::{
    backend::{LocalBackend, LocalDependencies},
    config::{Config, ValidConfig},
    domain::{
        caller::{Permission, Scope},
        clock::{ManualClock, Timestamp},
        device_info::Normalizer,
        error::{Error, LookupClues},
        fingerprint::Fingerprint,
        ledger_kind::LedgerKind,
        limit::LimitedResource,
        port::{Ledger, LedgerEntry, LedgerKey},
        randomness::OsRandomness,
        registration_code::RegistrationRequest,
    },
    service::{
        entitlement::tests::fake::FakeDevices,
        policy::{Policy, PresentPolicy},
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
    telemetry::CapturedLog,
};

struct RegistrationFixture {
    service: RegistrationService,
    ledger: Arc<dyn Ledger>,
    _folder: tempfile::TempDir,
}

fn fixture() -> RegistrationFixture {
    let config =
        toml::from_str::<Config>("[environments.default]\n[environments.staging]").expect("deserializes");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
    let options =
        EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
    let store = EmbeddedStore::open(options).expect("opens").ports();
    let policy = Policy::new(&ValidConfig::read(config).expect("valid"));
    let local = LocalBackend::over(LocalDependencies {
        store: store.clone(),
        code_format: policy.code_format.clone(),
        max_live_codes: policy.max_live_codes,
        clock: clock.clone(),
        randomness: Arc::new(OsRandomness),
        normalizer: Arc::new(Normalizer::new()),
    });
    let ledger = store.ledger.clone();
    let budget = LookupBudget::new(Arc::clone(&store.limits), 10, 600);
    let service = RegistrationService::new(RegistrationDependencies {
        store,
        policy: Arc::new(PresentPolicy::new(policy)),
        clock: clock.clone(),
        randomness: Arc::new(OsRandomness),
        backends: Backends::new(local),
        memory: DeviceMemory::new(FakeDevices::new(clock.clone()), clock.clone()),
        budget,
        on_miss: Arc::new(|_| {}),
        watches: Quota::new(LimitedResource::Watches, 1, 100),
        tasks: TaskTracker::new(),
    });
    RegistrationFixture { service, ledger, _folder: folder }
}

fn place(service: &RegistrationService, environment: &str) -> Place {
    let policy = service.policy().load();
    policy.place(("environment", environment), ("requestor_id", "REF")).expect("valid")
}

async fn created(service: &RegistrationService, environment: &str) -> RegistrationCode {
    let request = Box::new(RegistrationRequest::new(place(service, environment)));
    *service.create(&Caller::anonymous(), request, None).await.expect("creates").view.registration
}

fn reader_of(environment: &str) -> Caller {
    let environment = crate::domain::id::EnvironmentName::parse("environment", environment).expect("valid");
    Caller::new("support", Scope::Any, Scope::Only([environment].into()), [Permission::CodesRead])
}

#[tokio::test]
async fn only_callers_with_permission_there_learn_that_a_code_is_live_elsewhere() {
    let fixture = fixture();
    let service = &fixture.service;
    let typed = created(service, "staging").await.code.as_str().to_owned();
    let lookup = Lookup { place: place(service, "default"), typed, viewer: None };
    match service.get(&reader_of("default"), &lookup).await {
        Err(Error::CodeNotFound(clues)) => assert_eq!(clues, LookupClues::default()),
        other => panic!("{other:?}"),
    }
    match service.get(&Caller::anonymous(), &lookup).await {
        Err(Error::CodeNotFound(clues)) => assert_eq!(clues.lives_in[0].as_str(), "staging"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_use_case_requires_its_permission() {
    let fixture = fixture();
    let service = &fixture.service;
    let registration = created(service, "default").await;
    let lookup = Lookup {
        place: place(service, "default"),
        typed: registration.code.as_str().to_owned(),
        viewer: None,
    };
    let stranger = reader_of("staging");
    let missing = |permission| move |error: Error| matches!(error, Error::PermissionMissing { permission: missing, .. } if missing == permission);
    assert!(service.get(&stranger, &lookup).await.is_err_and(missing(Permission::CodesRead)));
    let request = WatchRegistration { lookup: lookup.clone(), id: None };
    assert!(service.watch(&stranger, request).await.is_err_and(missing(Permission::CodesRead)));
    let reader = reader_of("default");
    assert!(service.delete(&reader, &lookup).await.is_err_and(missing(Permission::CodesDelete)));
    assert!(service.get(&reader, &lookup).await.is_ok());
}

/// A repeatable create.
async fn repeatable(service: &RegistrationService) -> crate::domain::error::Result<RegistrationCode> {
    let request = Box::new(RegistrationRequest::new(place(service, "default")));
    let repeat = IdempotentRequest { request_id: Uuid::from_u128(7), fingerprint: Fingerprint::of(&request) };
    let created = service.create(&Caller::anonymous(), request, Some(repeat)).await;
    created.map(|created| *created.view.registration)
}

async fn stored_responses(ledger: &dyn Ledger) -> Vec<(Vec<u8>, LedgerEntry)> {
    ledger.scan(LedgerKind::RequestId).try_collect().await.expect("the store works")
}

#[tokio::test]
async fn a_stored_response_does_not_duplicate_its_record() {
    let RegistrationFixture { service, ledger, _folder } = fixture();
    repeatable(&service).await.expect("creates");
    let stored = stored_responses(&*ledger).await;
    assert!(stored.len() == 1 && stored[0].1.value.len() < 64, "{stored:?}");
}

#[tokio::test]
async fn a_create_cancelled_in_progress_happens_once_and_its_repeat_finds_it() {
    let RegistrationFixture { service, _folder, .. } = fixture();
    {
        let create = repeatable(&service);
        futures_util::pin_mut!(create);
        assert!(futures_util::poll!(create).is_pending(), "it waits for the disk");
    }
    let first = repeatable(&service).await.expect("repeats");
    assert_eq!(repeatable(&service).await.expect("repeats"), first);
    let codes: Vec<_> = service.parts().store.codes.scan().try_collect().await.expect("the store works");
    assert_eq!(codes.len(), 1);
}

#[tokio::test]
async fn a_repeat_does_not_return_a_code_that_an_upstream_has_reissued() {
    let RegistrationFixture { service, _folder, .. } = fixture();
    let first = repeatable(&service).await.expect("creates");
    let shadow = crate::store::conformance::sample::shadow(first.create_time, first.code.as_str());
    let RegistrationCode { requestor, environment, .. } = first.clone();
    let theirs = RegistrationCode { requestor, environment, ..shadow };
    service.parts().store.codes.adopt(&theirs).await.expect("the store works");
    let log = CapturedLog::of_this_thread();
    assert!(matches!(repeatable(&service).await, Err(Error::StoreUnavailable(_))), "may be retried");
    assert!(log.text().contains("the record of a stored response is missing"), "{}", log.text());
    let second = repeatable(&service).await.expect("creates anew");
    assert!(second.id != first.id && second.code != first.code);
}

#[tokio::test]
async fn an_unreadable_stored_response_is_treated_as_absent_and_logged() {
    let RegistrationFixture { service, ledger, _folder } = fixture();
    let create = || repeatable(&service);
    let first = create().await.expect("creates");
    assert_eq!(create().await.expect("repeats"), first);
    let stored = stored_responses(&*ledger).await;
    let [(name, entry)] = &stored[..] else { panic!("{stored:?}") };
    let key = LedgerKey { kind: LedgerKind::RequestId, name: name.clone() };
    let unreadable = LedgerEntry { value: vec![9, 9], ..entry.clone() };
    assert!(ledger.swap(&key, Some(&entry.value), Some(unreadable)).await.expect("works"));

    let log = CapturedLog::of_this_thread();
    assert!(matches!(create().await, Err(Error::StoreUnavailable(_))), "may be retried");
    assert!(log.text().contains("unreadable stored response; treating it as absent"), "{}", log.text());
    let second = create().await.expect("creates anew");
    assert_ne!(second.id, first.id);
    assert_eq!(create().await.expect("repeats"), second);
}

#[tokio::test]
async fn a_waiting_watch_is_smaller_than_the_record() {
    let fixture = fixture();
    let service = &fixture.service;
    let typed = created(service, "default").await.code.as_str().to_owned();
    let lookup = Lookup { place: place(service, "default"), typed, viewer: None };
    let watch = service.watch(&Caller::anonymous(), WatchRegistration { lookup, id: None }).await;
    // A decoded record alone is larger, and there may be a hundred thousand open watches.
    assert!(size_of_val(&*watch.expect("watches")) < size_of::<RegistrationCode>());
}
