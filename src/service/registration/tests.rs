use std::sync::Arc;

use arc_swap::ArcSwap;

use super::*;
use crate::{
    backend::{LocalBackend, LocalParts},
    config::{Config, ValidConfig},
    domain::{
        caller::{Permission, Scope},
        clock::{ManualClock, Timestamp},
        device_info::Normalizer,
        error::{Error, LookupClues},
        randomness::OsRandomness,
        registration::RegistrationRequest,
    },
    service::policy::Policy,
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};

struct Fixture {
    service: RegistrationService,
    _folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let config =
        toml::from_str::<Config>("[environments.default]\n[environments.staging]").expect("deserializes");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
    let options =
        EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
    let store = EmbeddedStore::open(options).expect("opens").ports();
    let policy = Policy::new(&ValidConfig::read(config).expect("valid"));
    let local = LocalBackend::over(LocalParts {
        store: store.clone(),
        code_format: policy.code_format.clone(),
        max_live_codes: policy.max_live_codes,
        clock: clock.clone(),
        randomness: Arc::new(OsRandomness),
        normalizer: Arc::new(Normalizer::new()),
    });
    let service = RegistrationService::new(Parts {
        store,
        policy: Arc::new(ArcSwap::from_pointee(policy)),
        clock: clock.clone(),
        randomness: Arc::new(OsRandomness),
        backends: Backends::new(local),
        budget: LookupBudget::new(clock, 10, 600),
        on_miss: Arc::new(|_| {}),
        max_watches: 1,
        tasks: TaskTracker::new(),
    });
    Fixture { service, _folder: folder }
}

fn place(service: &RegistrationService, environment: &str) -> Place {
    let policy = service.policy().load();
    policy.place(("environment", environment), ("requestor_id", "REF")).expect("valid")
}

async fn created(service: &RegistrationService, environment: &str) -> Registration {
    let request = RegistrationRequest::new(place(service, environment));
    service.create(&Caller::anonymous(), request, None).await.expect("creates").view.registration
}

fn reader_of(environment: &str) -> Caller {
    let environment = crate::domain::id::EnvironmentName::parse("environment", environment).expect("valid");
    Caller::new("support", Scope::Any, Scope::Only([environment].into()), [Permission::CodesRead])
}

#[tokio::test]
async fn that_a_code_lives_elsewhere_is_told_only_to_who_may_read_there() {
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
async fn every_use_case_asks_for_its_permission() {
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
