use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, TryStreamExt};
use sha2::Digest;

use super::*;
use crate::{
    domain::{
        clock::{ManualClock, Stopwatch},
        error::Error,
        known_device::KnownDevice,
        randomness::OsRandomness,
    },
    store::{
        conformance::sample::known_device,
        embedded::{EmbeddedOptions, EmbeddedStore},
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_763_000_000_123);
const NAME: &[u8] = b"staging\0https://provider.example.com\0digest";

fn ring(ids: &[&str]) -> Arc<KeyRing> {
    let line = |id: &&str| format!("{id}:{}\n", BASE64_STANDARD.encode([id.as_bytes()[0]; 32]));
    Arc::new(KeyRing::parse(&ids.iter().map(line).collect::<String>()).expect("valid"))
}

fn owned(ids: &[&str]) -> KeyRing {
    Arc::into_inner(ring(ids)).expect("the only reference")
}

struct LedgerFixture {
    ledger: Arc<dyn Ledger>,
    _folder: tempfile::TempDir,
}

impl LedgerFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EmbeddedOptions::new(folder.path(), ManualClock::new(NOW));
        let options = EmbeddedOptions { free_space_reserve: 0, ..options };
        let ledger = EmbeddedStore::open(options).expect("opens").ports().ledger;
        Self { ledger, _folder: folder }
    }

    fn with(&self, key_ring: Arc<KeyRing>) -> SealedLedger {
        SealedLedger::new(Arc::clone(&self.ledger), key_ring, Arc::new(OsRandomness))
    }

    /// Returns the stored entries of all kinds.
    async fn raw(&self) -> Vec<LedgerEntry> {
        let mut raw = Vec::new();
        for kind in SecretKind::ALL {
            let entries = self.ledger.scan(kind.ledger_kind()).map_ok(|(_, entry)| entry);
            raw.extend(entries.try_collect::<Vec<_>>().await.expect("scans"));
        }
        raw
    }
}

async fn put(secrets: &SealedLedger, kind: SecretKind, end: Option<Timestamp>) {
    let kept =
        secrets.swap(kind, NAME, None, kind.ledger_kind().as_str().as_bytes(), end).await.expect("works");
    assert!(kept.is_some());
}

async fn read(secrets: &SealedLedger, kind: SecretKind) -> std::result::Result<Vec<u8>, SealError> {
    secrets.get(kind, NAME).await.expect("works").expect("is there").opened
}

#[tokio::test]
async fn after_a_rotation_every_secret_opens_without_the_old_key_and_keeps_its_expiry() {
    let folder = LedgerFixture::new();
    let end = NOW + std::time::Duration::from_secs(60);
    // Two secrets from before there was a ring, the others from after.
    let unsealed = folder.with(Arc::default());
    put(&unsealed, SecretKind::SigningKey, None).await;
    put(&unsealed, SecretKind::UpstreamCredentials, None).await;
    let secrets = folder.with(ring(&["one"]));
    let sealed = [
        SecretKind::UpstreamToken,
        SecretKind::DeviceCredentials,
        SecretKind::DeviceToken,
        SecretKind::Device,
        SecretKind::DeviceCode,
    ];
    for kind in sealed {
        put(&secrets, kind, Some(end)).await;
    }
    assert_eq!(secrets.outdated().await.expect("opens"), 2);

    let rotation = secrets.rotate(owned(&["two", "one"])).await.expect("rotates");
    assert_eq!(rotation, Rotation { key: "two".to_owned(), resealed: 7, secrets: 7 });
    let again = secrets.rotate(owned(&["two"])).await.expect("rotates");
    assert_eq!(again, Rotation { resealed: 0, ..rotation });
    let alone = folder.with(ring(&["two"]));
    for secrets in [&secrets, &alone] {
        for kind in SecretKind::ALL {
            assert_eq!(read(secrets, kind).await, Ok(kind.ledger_kind().as_str().as_bytes().to_vec()));
        }
        assert_eq!(secrets.outdated().await.expect("opens"), 0);
    }
    let ends: Vec<_> = folder.raw().await.into_iter().map(|entry| entry.expire_time).collect();
    assert_eq!(ends, [None, None, Some(end), Some(end), Some(end), Some(end), Some(end)]);
}

#[tokio::test]
async fn an_interrupted_rotation_can_be_repeated_and_secrets_stay_readable() {
    let folder = LedgerFixture::new();
    let one = folder.with(ring(&["one"]));
    for kind in SecretKind::ALL {
        put(&one, kind, None).await;
    }
    // The state after a rotation that was killed.
    let name = NAME.to_vec();
    let kind = SecretKind::UpstreamCredentials;
    let entry = folder.ledger.get(&key(kind, &name)).await.expect("works").expect("is there");
    let outcome = one.reseal(&owned(&["two", "one"]), kind, &name, entry).await.expect("reseals");
    assert_eq!(outcome, rotation::Resealing::Resealed);

    let restarted = folder.with(ring(&["two", "one"]));
    for kind in SecretKind::ALL {
        assert_eq!(read(&restarted, kind).await, Ok(kind.ledger_kind().as_str().as_bytes().to_vec()));
    }
    let rotation = restarted.rotate(owned(&["two", "one"])).await.expect("rotates");
    assert_eq!((rotation.resealed, rotation.secrets), (6, 7));
    assert_eq!(folder.with(ring(&["two"])).outdated().await.expect("opens"), 0);
}

#[tokio::test]
async fn a_ring_that_cannot_open_every_secret_is_refused_and_changes_nothing() {
    let folder = LedgerFixture::new();
    put(&folder.with(ring(&["one"])), SecretKind::UpstreamCredentials, None).await;
    let secrets = folder.with(ring(&["two", "one"]));
    put(&secrets, SecretKind::SigningKey, None).await;
    let before = folder.raw().await;
    for ids in [&["three"][..], &["three", "two"]] {
        let error = secrets.rotate(owned(ids)).await.expect_err("is refused");
        let Error::InvalidFields(violations) = error else { panic!("{error}") };
        let texts: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let last = texts.last().expect("one at least");
        assert!(
            last.contains("the credentials of the environment \"staging\" at https://provider.example.com")
        );
        assert!(last.contains("store.key_ring: ") && last.contains("the key \"one\""), "{last}");
        assert_eq!(texts.len(), 3 - ids.len(), "{texts:?}");
        let starts = folder.with(ring(ids)).outdated().await;
        assert!(matches!(starts, Err(Error::InvalidFields(_))), "{starts:?}");
    }
    assert_eq!(folder.raw().await, before);
    for kind in [SecretKind::SigningKey, SecretKind::UpstreamCredentials] {
        assert_eq!(
            read(&secrets, kind).await,
            Ok(kind.ledger_kind().as_str().as_bytes().to_vec()),
            "the old ring is kept"
        );
    }
}

fn violation_texts(outcome: Result<usize>) -> Vec<String> {
    let Err(Error::InvalidFields(violations)) = outcome else { panic!("{outcome:?}") };
    violations.iter().map(ToString::to_string).collect()
}

async fn put_named(secrets: &SealedLedger, kind: SecretKind, name: &str) {
    let kept = secrets.swap(kind, name.as_bytes(), None, b"secret", None).await.expect("works");
    assert!(kept.is_some());
}

#[tokio::test]
async fn unopened_devices_are_counted_and_other_secrets_are_named() {
    let folder = LedgerFixture::new();
    let (one, two) = (folder.with(ring(&["one"])), folder.with(ring(&["two"])));
    for index in 0..20 {
        put_named(&one, SecretKind::Device, &format!("device {index}")).await;
        put_named(&two, SecretKind::UpstreamToken, &format!("environment{index:02}\0origin")).await;
    }
    put_named(&two, SecretKind::Device, "another device").await;
    let texts = violation_texts(folder.with(ring(&["three"])).outdated().await);
    assert_eq!(texts.len(), 8 + 1 + 2, "{texts:#?}");
    assert!(texts[0].contains("the access token of the environment \"environment00\" at origin: "));
    assert!(
        texts[8].contains(": 12 more of the access tokens of upstreams: ") && texts[8].contains("\"two\"")
    );
    assert!(texts[9].contains(": 20 of the known devices: ") && texts[9].contains("\"one\""), "{}", texts[9]);
    assert!(texts[10].contains(": 1 of the known devices: ") && texts[10].contains("\"two\""));
    assert!(!texts.concat().contains("device 1"));
}

#[tokio::test]
async fn a_damaged_device_does_not_prevent_the_start_but_a_wrong_key_does() {
    let folder = LedgerFixture::new();
    let secrets = folder.with(ring(&["one"]));
    put_named(&secrets, SecretKind::Device, "device").await;
    let damage = async |kind: SecretKind, name: &str| {
        let key = key(kind, name.as_bytes());
        let entry = folder.ledger.get(&key).await.expect("works").expect("is there");
        let mut value = entry.value.clone();
        *value.last_mut().expect("not empty") ^= 1;
        let damaged = LedgerEntry { value, expire_time: None };
        assert!(folder.ledger.swap(&key, Some(&entry.value), Some(damaged)).await.expect("works"));
    };
    damage(SecretKind::Device, "device").await;
    // Indistinguishable from a wrong key.
    let refused = violation_texts(secrets.outdated().await);
    assert!(refused[0].contains("1 of the known devices: sealed with a key other than"), "{refused:?}");
    put_named(&secrets, SecretKind::DeviceCode, "code").await;
    assert_eq!(secrets.outdated().await.expect("the key fits others"), 0);
    let rotation = secrets.rotate(owned(&["two", "one"])).await.expect("rotates");
    assert_eq!((rotation.resealed, rotation.secrets), (1, 1));

    // Damaged credentials always prevent the start.
    put_named(&secrets, SecretKind::UpstreamCredentials, "environment\0origin").await;
    damage(SecretKind::UpstreamCredentials, "environment\0origin").await;
    assert!(violation_texts(secrets.outdated().await)[0].contains("the credentials of the environment"));
}

#[tokio::test]
async fn secrets_written_between_rotations_open_with_the_new_ring() {
    let folder = LedgerFixture::new();
    let secrets = folder.with(ring(&["one"]));
    put_named(&secrets, SecretKind::Device, "device").await;
    secrets.rotate(owned(&["two", "one"])).await.expect("rotates");
    // A ring without the current sealing key waits for running writes, so that no secret is missed.
    let refused = violation_texts(secrets.rotate(owned(&["one"])).await.map(|rotation| rotation.secrets));
    assert!(refused[0].contains("the key \"two\""), "{refused:?}");
    put_named(&secrets, SecretKind::Device, "another").await;
    let alone = folder.with(ring(&["two"]));
    assert_eq!(alone.outdated().await.expect("opens"), 0);
}

#[tokio::test]
async fn the_ring_is_reloaded_after_rotations_by_other_servers_only() {
    let folder = LedgerFixture::new();
    let (server, other) = (Arc::new(folder.with(ring(&["one"]))), folder.with(ring(&["one"])));
    put_named(&server, SecretKind::Device, "device").await;
    let (reads, mut was_read) = tokio::sync::mpsc::unbounded_channel();
    let following = Arc::clone(&server);
    let following = tokio::spawn(async move {
        let read = || {
            let _ = reads.send(());
            Ok(owned(&["three", "two"]))
        };
        following.follow_rotations(read).await
    });
    tokio::task::yield_now().await;
    server.rotate(owned(&["two", "one"])).await.expect("rotates");
    tokio::task::yield_now().await;
    other.rotate(owned(&["three", "two"])).await.expect("rotates");
    was_read.recv().await.expect("is read");
    while server.get(SecretKind::Device, b"device").await.expect("works").expect("is there").opened.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(was_read.try_recv().is_err(), "once");
    following.abort();
}

#[tokio::test]
async fn a_secret_is_removed_only_if_its_sealed_value_matches() {
    let folder = LedgerFixture::new();
    let secrets = folder.with(ring(&["one"]));
    put_named(&secrets, SecretKind::Device, "device").await;
    assert!(!secrets.remove(SecretKind::Device, b"device", b"another").await.expect("works"));
    let sealed = secrets.read(SecretKind::Device, b"device").await.expect("works").expect("is there").value;
    assert!(secrets.remove(SecretKind::Device, b"device", &sealed).await.expect("works"));
    assert!(!secrets.remove(SecretKind::Device, b"device", &sealed).await.expect("works"));
    assert!(secrets.read(SecretKind::Device, b"device").await.expect("works").is_none());
}

/// Prints how long the check at startup and a rotation take: `cargo test --lib -- --ignored --nocapture a_hundred_thousand`.
#[tokio::test]
#[ignore = "prints figures"]
async fn a_hundred_thousand_devices_are_checked_and_resealed() {
    const DEVICES: usize = 100_000;
    let folder = LedgerFixture::new();
    let secrets = folder.with(ring(&["one"]));
    let device = KnownDevice { device_info: Some("i".repeat(1_200)), ..known_device(NOW) };
    let secret = crate::format::encode_known_device(&device).expect("encodes");
    let end = NOW + std::time::Duration::from_secs(30 * 24 * 3_600);
    let started = Stopwatch::start();
    futures_util::stream::iter(0..DEVICES)
        .for_each_concurrent(1_000, |index| {
            let (secrets, secret) = (&secrets, &secret);
            async move {
                let name = sha2::Sha256::digest(index.to_string());
                let kept = secrets.swap(SecretKind::Device, &name, None, secret, Some(end)).await;
                assert!(kept.expect("works").is_some());
            }
        })
        .await;
    eprintln!("{DEVICES} devices of {} bytes stored in {:?}", secret.len(), started.elapsed());
    let started = Stopwatch::start();
    assert_eq!(secrets.outdated().await.expect("opens"), 0);
    eprintln!("checked in {:?}", started.elapsed());
    let started = Stopwatch::start();
    let rotation = secrets.rotate(owned(&["two", "one"])).await.expect("rotates");
    eprintln!("{} resealed in {:?}", rotation.resealed, started.elapsed());
}
