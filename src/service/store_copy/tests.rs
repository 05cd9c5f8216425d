use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;
use crate::{
    auth::{KeyRing, SecretKind},
    domain::{
        clock::{Clock, ManualClock},
        id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
        known_device::DeviceKey,
        port::{Authorization, Devices},
        randomness::OsRandomness,
        registration_code::RegistrationCode,
        temp_pass::{ResetTarget, ResourceId, TempPassKey, TempPassRule, TrialApplication, TrialIdentity},
    },
    store::{
        conformance::sample::{TTL, known_device, registration},
        embedded::{EmbeddedOptions, EmbeddedStore},
        known_devices::KnownDevices,
    },
};

const NAME: &[u8] = b"default\0https://provider.example/\0digest";

/// An installation with its own store and key ring.
struct Installation {
    side: CopySide,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Installation {
    fn new(key: u8) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let options =
            EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
        let store = EmbeddedStore::open(options).expect("opens").ports();
        let ring = KeyRing::parse(&format!("one:{}", BASE64_STANDARD.encode([key; 32]))).expect("a ring");
        let ledger = Arc::clone(&store.ledger);
        let secrets = Arc::new(SealedLedger::new(ledger, Arc::new(ring), Arc::new(OsRandomness)));
        Self { side: CopySide { store, secrets, clock: clock.clone() }, clock, _folder: folder }
    }

    /// An installation that a server has used.
    async fn used() -> Self {
        let installation = Self::new(1);
        let CopySide { store, secrets, .. } = &installation.side;
        MasterKey::load(secrets, &OsRandomness).await.expect("works");
        let now = installation.clock.now();
        secrets.swap(SecretKind::UpstreamCredentials, NAME, None, b"a secret", None).await.expect("works");
        for kind in
            [LedgerKind::UpstreamLease, LedgerKind::KeyRingRotation, LedgerKind::UpstreamReregistration]
        {
            installation.put(kind, b"name", b"value", Some(now + TTL)).await;
        }
        let record = registration(now, "CODE", TTL);
        let (devices, key) = (installation.devices(), device_of(&record));
        assert!(devices.replace(&key, None, Some((&known_device(now), now + TTL))).await.expect("works"));
        devices.keep_code(&record.key(), &key.device_id, now + TTL).await.expect("works");
        store.codes.insert_if_absent(&record, 10, None).await.expect("works");
        installation.authorize("a device").await;
        installation
    }

    fn devices(&self) -> KnownDevices {
        let CopySide { store, secrets, .. } = &self.side;
        KnownDevices::new(Arc::clone(secrets), Arc::clone(&store.ledger))
    }

    async fn put(&self, kind: LedgerKind, name: &[u8], value: &[u8], expire_time: Option<Timestamp>) {
        let key = LedgerKey { kind, name: name.to_vec() };
        let entry = LedgerEntry { value: value.to_vec(), expire_time };
        assert_eq!(self.side.store.ledger.put_if_absent(&key, entry).await.expect("works"), None);
    }

    async fn authorize(&self, device: &str) {
        let authorization = Authorization {
            temp_pass: temp_pass(),
            rule: TempPassRule { ttl: TTL, max_resources: None, retention: TTL },
            identity: TrialIdentity {
                device_id: DeviceId::parse("device_id", device).expect("valid"),
                generic_key: None,
            },
            application: TrialApplication::default(),
            resource: ResourceId::parse("resource", "one").expect("valid"),
            new_id: uuid::Uuid::from_u128(device.len() as u128),
        };
        self.side.store.trials.authorize(authorization).await.expect("works");
    }

    /// The kinds that have entries.
    async fn kinds(&self) -> Vec<LedgerKind> {
        let mut kinds = Vec::new();
        for kind in LedgerKind::ALL {
            if self.side.store.ledger.scan(*kind).try_next().await.expect("works").is_some() {
                kinds.push(*kind);
            }
        }
        kinds
    }
}

fn device_of(record: &RegistrationCode) -> DeviceKey {
    DeviceKey { place: record.key().place(), device_id: record.device_id.clone() }
}

fn temp_pass() -> TempPassKey {
    TempPassKey {
        environment: EnvironmentName::parse("environment", "default").expect("valid"),
        requestor: RequestorId::parse("requestor", "REF").expect("valid"),
        mvpd: MvpdId::parse("mvpd", "TempPass").expect("valid"),
    }
}

async fn copy(from: &Installation, to: &Installation) -> StoreCopy {
    let master_key = MasterKey::find(&from.side.secrets).await.expect("works").expect("is there");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let audit = AuditLog::new(to.clock.clone(), key, Arc::clone(&to.side.store.limits), None);
    StoreCopy { from: from.side.clone(), to: to.side.clone(), master_key, audit }
}

async fn run(from: &Installation, to: &Installation) -> std::result::Result<CopyReport, CopyError> {
    copy(from, to).await.run(&Operator::by_command(0)).await
}

#[tokio::test]
async fn process_state_is_not_copied_and_secrets_are_sealed_with_the_targets_key_ring() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    let copied = run(&from, &to).await.expect("copies");
    assert_eq!(copied.total(), CopyCounts { copied: 8, present: 0, ended: 0 });
    let kinds = [
        LedgerKind::SigningKey,
        LedgerKind::UpstreamCredentials,
        LedgerKind::UpstreamReregistration,
        LedgerKind::Device,
        LedgerKind::DeviceCode,
        LedgerKind::DeviceRequestor,
    ];
    assert_eq!(to.kinds().await, kinds);
    let secret = async |side: &CopySide| {
        let kept = side.secrets.get(SecretKind::UpstreamCredentials, NAME).await;
        kept.expect("works").expect("is there")
    };
    let (kept, moved) = (secret(&from.side).await, secret(&to.side).await);
    assert_eq!((kept.opened.clone(), moved.opened), (Ok(b"a secret".to_vec()), kept.opened));
    assert_ne!(kept.sealed, moved.sealed);
    let id = async |side: &CopySide| {
        let key = MasterKey::find(&side.secrets).await.expect("works");
        key.expect("is there").copy_id()
    };
    assert_eq!(id(&from.side).await, id(&to.side).await);
}

#[tokio::test]
async fn known_devices_are_copied() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    run(&from, &to).await.expect("copies");
    let now = to.clock.now();
    let record = registration(now, "CODE", TTL);
    let (devices, key) = (to.devices(), device_of(&record));
    let kept = devices.get(&key).await.expect("works").expect("is known");
    assert!(*kept.device == known_device(now));
    assert_eq!(devices.of_code(&record.key()).await.expect("works"), Some(key.device_id.clone()));
    let requestor = devices.requestor_of(&record.environment, &key.device_id).await;
    assert_eq!(requestor.expect("works"), Some(record.requestor));
}

#[tokio::test]
async fn unsealed_entries_are_skipped_and_reported() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    from.put(LedgerKind::UpstreamToken, NAME, b"\xff", None).await;
    let copied = run(&from, &to).await.expect("copies");
    let [unreadable] = &copied.unreadable[..] else { panic!("{copied:?}") };
    assert!(unreadable.contains("the access token of the environment \"default\""), "{unreadable}");
}

#[tokio::test]
async fn an_interrupted_copy_resumes_and_ignores_records_that_expired_meanwhile() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    let broken_off = copy(&from, &to).await;
    broken_off.begin().await.expect("is empty");
    broken_off.copy().await.expect("copies");
    assert!(is_unfinished(&*to.side.store.ledger).await.expect("works"));
    from.authorize("another device").await;
    let total = run(&from, &to).await.expect("resumes").total();
    assert_eq!(total, CopyCounts { copied: 1, present: 8, ended: 0 });
    assert!(!is_unfinished(&*to.side.store.ledger).await.expect("works"));

    // The target's clock is ahead.
    let to = Installation::new(3);
    to.clock.advance(TTL + TTL);
    let total = run(&from, &to).await.expect("copies").total();
    assert_eq!(total, CopyCounts { copied: 3, present: 0, ended: 6 });
}

#[tokio::test]
async fn a_source_used_after_the_copy_started_is_detected() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    let broken_off = copy(&from, &to).await;
    broken_off.begin().await.expect("is empty");
    broken_off.copy().await.expect("copies");
    let device = DeviceId::parse("device_id", "a device").expect("valid");
    let (trials, asked) = (&from.side.store.trials, TrialApplication::default());
    trials.reset(&temp_pass(), &ResetTarget::Device(device), &asked).await.expect("works");
    let error = run(&from, &to).await.expect_err("a surplus trial");
    assert!(matches!(&error, CopyError::Surplus(trial) if trial.contains("TempPass")), "{error}");

    from.clock.advance(Duration::from_secs(1));
    from.authorize("a device").await;
    let record = registration(Timestamp::from_millis(1_763_000_000_000), "CODE", TTL);
    let codes = &from.side.store.codes;
    assert!(codes.release(&record.key(), record.id).await.expect("works"));
    let error = run(&from, &to).await.expect_err("differs");
    assert!(matches!(&error, CopyError::Differs(_)), "{error}");
    assert!(!error.to_string().contains("CODE"), "{error}");
    assert!(is_unfinished(&*to.side.store.ledger).await.expect("works"), "no server starts on it");
}

#[tokio::test]
async fn missing_records_are_reported() {
    let (from, to) = (Installation::used().await, Installation::new(2));
    let error = compare(&from.side, &to.side, CopyError::Missed).await.expect_err("the target is empty");
    assert!(
        error.to_string().contains("the signing key of the source is missing or differs in the target"),
        "{error}"
    );
}
