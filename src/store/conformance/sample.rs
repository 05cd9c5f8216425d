//! Sample records for the suite, and a helper for concurrent tasks.

use std::{future::Future, sync::Arc, time::Duration};

use uuid::Uuid;

use super::Harness;
use crate::domain::{
    clock::Timestamp,
    code::Code,
    device_info::{
        Browser, Display, Hardware, NormalizedConnection, NormalizedDeviceInfo, OperatingSystem, Version,
    },
    entitlement::{ProfileKind, Resource},
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    known_device::{KnownDecision, KnownDevice, KnownLogin, LoginStanding, PendingCode, ResourceDigest},
    ledger_kind::LedgerKind,
    port::{Insertion, LedgerEntry, LedgerKey},
    registration_code::{
        CodeKey, LegacyParameters, RegistrationCode, Shadow, ShadowStanding, SourceApplication, UpstreamApi,
    },
    temp_pass::MediaToken,
};

/// A limit that no test reaches unintentionally.
pub(crate) const NO_LIMIT: u64 = 1_000_000;

/// The default TTL of the suite's codes.
pub(crate) const TTL: Duration = Duration::from_secs(1800);

/// A record for `code`, created at `now`.
pub(crate) fn registration(now: Timestamp, code: &str, ttl: Duration) -> RegistrationCode {
    RegistrationCode {
        id: id_of(code, now),
        code: Code::from_canonical(code),
        requestor: RequestorId::parse("requestor", "sampleRequestor").expect("valid"),
        environment: environment("default"),
        mvpd: Some(MvpdId::parse("mvpd", "sampleMvpd").expect("valid")),
        create_time: now,
        expire_time: now + ttl,
        device_id: DeviceId::parse("device_id", "a device of the living room").expect("valid"),
        device_id_assigned: false,
        device_info: device_info(),
        authorization_type: "OAUTH2".to_owned(),
        source_application: Some(SourceApplication {
            id: "application".to_owned(),
            name: "Sample".to_owned(),
            version: "1.2.3".to_owned(),
        }),
        legacy: LegacyParameters { device_type: "tv".to_owned(), ..LegacyParameters::default() },
        shadow: None,
    }
}

/// A shadow: the record of a code that an upstream issued.
pub(crate) fn shadow(now: Timestamp, code: &str) -> RegistrationCode {
    let shadow = Shadow {
        api: UpstreamApi::V2,
        device_ip: "203.0.113.7".parse().ok(),
        device_info: Some("e30=".to_owned()),
        standing: ShadowStanding::Unissued,
    };
    RegistrationCode { shadow: Some(shadow), ..registration(now, code, TTL) }
}

fn device_info() -> NormalizedDeviceInfo {
    let text = |text: &str| Some(text.to_owned());
    let version = |major| Version { major, minor: 2, patch: 3, profile: "profile".to_owned() };
    NormalizedDeviceInfo {
        hardware_type: "MediaPlayer".to_owned(),
        model: "AFTMM".to_owned(),
        version: version(1),
        hardware: Hardware {
            name: "AFTMM".to_owned(),
            vendor: "Unknown".to_owned(),
            version: version(1),
            manufacturer: text("Amazon"),
        },
        operating_system: OperatingSystem {
            name: "Android".to_owned(),
            family: text("Android"),
            vendor: None,
            version: version(9),
        },
        browser: Browser {
            name: text("Chrome"),
            vendor: text("Google"),
            version: version(112),
            user_agent: text("Mozilla/5.0 (Linux; Android 9; AFTMM) AppleWebKit/537.36"),
            original_user_agent: None,
        },
        display: Display { width: 1920, height: 1080, version: Some(version(4)), ..Display::default() },
        application_id: text("com.example.player"),
        connection: NormalizedConnection {
            ip_address: text("2001:db8::17"),
            port: text("443"),
            secure: true,
            kind: None,
        },
    }
}

/// A device with a value in every field, and with a media token for [`resource`].
pub(crate) fn known_device(now: Timestamp) -> KnownDevice {
    let mvpd = MvpdId::parse("mvpd", "personalMvpd").expect("valid");
    let code = |code| Code::from_canonical(code);
    let token = MediaToken {
        value: "a personal media token".to_owned(),
        start_time: Some(now),
        expire_time: Some(now + TTL),
    };
    KnownDevice {
        device_info: Some("cGVyc29uYWwgaW5mbw==".to_owned()),
        user_agent: "a personal User-Agent".to_owned(),
        temp_pass_identity: Some("{\"email\":\"personal\"}".to_owned().into()),
        pending: Some(PendingCode {
            code: code("PERSONAL1"),
            expire_time: now + TTL,
            mvpd: Some(mvpd.clone()),
            start_time: Some(now),
            is_used: true,
        }),
        login: Some(KnownLogin {
            mvpd: mvpd.clone(),
            user_id: Some("a personal user id".to_owned()),
            kind: ProfileKind::Other("personalKind".to_owned()),
            issue_time: Some(now.before(TTL)),
            expire_time: Some(now + TTL * 48),
            standing: LoginStanding::Reported,
            seen_time: now,
            code: Some(code("PERSONAL2")),
            attributes: Some(([7; 16], now)),
        }),
        decisions: vec![KnownDecision {
            resource: resource(),
            mvpd,
            expire_time: Some(now + TTL * 2),
            media_token: Some(token),
        }],
    }
}

/// The resource of the sample device's decision.
pub(crate) fn resource() -> ResourceDigest {
    ResourceDigest::of(&Resource::parse("resource", "a channel").expect("valid"))
}

/// An id that distinguishes the record from others with the same code.
pub(crate) fn id_of(code: &str, now: Timestamp) -> Uuid {
    let hash = code.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Uuid::from_u64_pair(hash, now.as_millis())
}

pub(crate) fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse("environment", name).expect("valid")
}

/// Inserts a record with this code and the default TTL. The insertion must succeed.
pub(crate) async fn insert(harness: &impl Harness, code: &str) -> RegistrationCode {
    insert_for(harness, code, TTL).await
}

/// Inserts a record with this code and TTL. The insertion must succeed.
pub(crate) async fn insert_for(harness: &impl Harness, code: &str, ttl: Duration) -> RegistrationCode {
    let registration = registration(harness.time().read(), code, ttl);
    assert_eq!(try_insert(harness, registration.clone()).await, Insertion::Inserted, "of {code}");
    registration
}

/// Inserts a record and returns the outcome.
pub(crate) async fn try_insert(harness: &impl Harness, registration: RegistrationCode) -> Insertion {
    harness.store().codes.insert_if_absent(&registration, NO_LIMIT, None).await.expect("the store works")
}

/// Whether a code is free. If it is, a new record takes it.
pub(crate) async fn is_free(harness: &impl Harness, key: &CodeKey) -> bool {
    let mut next = registration(harness.time().read(), key.code.as_str(), TTL);
    next.environment = key.environment.clone();
    next.requestor = key.requestor.clone();
    try_insert(harness, next).await == Insertion::Inserted
}

/// The kind with this name: a real one, or one that exists only in tests.
pub(crate) fn ledger_kind(name: &'static str) -> LedgerKind {
    let known = LedgerKind::ALL.iter().find(|kind| kind.as_str() == name);
    known.copied().unwrap_or(LedgerKind::Test(name))
}

pub(crate) fn ledger_key(kind: &'static str, name: &str) -> LedgerKey {
    LedgerKey { kind: ledger_kind(kind), name: name.as_bytes().to_vec() }
}

pub(crate) fn entry(value: &str, expire_time: Option<Timestamp>) -> LedgerEntry {
    LedgerEntry { value: value.as_bytes().to_vec(), expire_time }
}

/// Runs `count` tasks concurrently, each on its own thread, and returns their results.
pub(crate) async fn race<T, F>(count: usize, task: impl Fn(usize) -> F + Send + Sync + 'static) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (task, start) = (Arc::new(task), Arc::new(std::sync::Barrier::new(count)));
    let runtime = tokio::runtime::Handle::current();
    let racers: Vec<_> = (0..count)
        .map(|index| {
            let (task, start, runtime) = (Arc::clone(&task), Arc::clone(&start), runtime.clone());
            tokio::task::spawn_blocking(move || {
                start.wait();
                runtime.block_on(task(index))
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(count);
    for racer in racers {
        outcomes.push(racer.await.expect("the task ends"));
    }
    outcomes
}
