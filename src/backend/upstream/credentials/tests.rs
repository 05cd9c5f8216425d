use super::*;
use crate::{
    auth::KeyRing,
    domain::{clock::ManualClock, port::LedgerEntry, randomness::OsRandomness, secret::assert_withheld},
    format::golden,
    store::embedded::{EmbeddedOptions, EmbeddedStore},
    telemetry::CapturedLog,
};

const TIME: Timestamp = Timestamp::from_millis(1_763_000_000_123);

fn credentials(client_id: &str) -> ClientCredentials {
    ClientCredentials {
        client_id: client_id.to_owned(),
        client_secret: SecretText::from("secret".to_owned()),
        registered: TIME,
    }
}

#[tokio::test]
async fn unreadable_credentials_and_tokens_are_treated_as_absent_and_logged() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = EmbeddedOptions::new(folder.path(), ManualClock::new(TIME));
    let store = EmbeddedStore::open(EmbeddedOptions { free_space_reserve: 0, ..options }).expect("opens");
    let ledger = store.ports().ledger;
    let secrets = SealedLedger::new(Arc::clone(&ledger), Arc::default(), Arc::new(OsRandomness));
    let name = b"an environment".to_vec();
    let vault =
        CredentialVault { kinds: OF_SERVER, name, secrets: Arc::new(secrets), clock: ManualClock::new(TIME) };
    let log = CapturedLog::of_this_thread();
    // Of another version, truncated, and not sealed with a known key.
    for unreadable in [&[0, 9, 9][..], &[0, 1], &[7]] {
        for kind in [OF_SERVER.credentials, OF_SERVER.token] {
            let key = vault.key(kind.ledger_kind());
            let before = ledger.get(&key).await.expect("works").map(|entry| entry.value);
            let entry = LedgerEntry { value: unreadable.to_vec(), expire_time: None };
            assert!(ledger.swap(&key, before.as_deref(), Some(entry)).await.expect("works"));
        }
        assert!(vault.credentials().await.expect("the store works").is_none());
        assert!(vault.token().await.expect("the store works").is_none());
    }
    let unreadable = log.text().matches("cannot be read, treated as absent").count();
    assert_eq!(unreadable, 6, "{}", log.text());

    let stored = vault.store_credentials(None, &credentials("new")).await.expect("replaces them");
    assert!(stored.credentials == credentials("new"));
    let present = vault.credentials().await.expect("the store works");
    assert!(present.is_some_and(|stored| stored.credentials == credentials("new")));
}

#[tokio::test]
async fn new_credentials_replace_those_that_a_key_rotation_sealed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = EmbeddedOptions::new(folder.path(), ManualClock::new(TIME));
    let store = EmbeddedStore::open(EmbeddedOptions { free_space_reserve: 0, ..options }).expect("opens");
    let ring = |id: &str| KeyRing::new_line(id, &OsRandomness).expect("randomness").into_revealed();
    let (one, two) = (ring("one"), ring("two"));
    let parse = |lines: &[&str]| KeyRing::parse(&lines.join("\n")).expect("valid");
    let secrets = SealedLedger::new(store.ports().ledger, Arc::new(parse(&[&one])), Arc::new(OsRandomness));
    let (name, secrets) = (b"an environment".to_vec(), Arc::new(secrets));
    let vault = CredentialVault {
        kinds: OF_SERVER,
        name,
        secrets: Arc::clone(&secrets),
        clock: ManualClock::new(TIME),
    };
    let before = vault.store_credentials(None, &credentials("refused by now")).await.expect("stores");
    secrets.rotate(parse(&[&two, &one])).await.expect("rotates");
    let stored = vault.store_credentials(Some(&before), &credentials("new")).await.expect("stores");
    assert!(stored.credentials == credentials("new"), "resealed credentials are not another replica's");

    // Another replica's credentials win.
    let others = vault.store_credentials(Some(&before), &credentials("too late")).await.expect("answers");
    assert!(others.credentials == credentials("new"));
}

#[tokio::test]
async fn credentials_of_a_device_are_not_those_of_another_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = EmbeddedOptions::new(folder.path(), ManualClock::new(TIME));
    let store = EmbeddedStore::open(EmbeddedOptions { free_space_reserve: 0, ..options }).expect("opens");
    let secrets = SealedLedger::new(store.ports().ledger, Arc::default(), Arc::new(OsRandomness));
    let name = b"an environment".to_vec();
    let ours =
        CredentialVault { kinds: OF_SERVER, name, secrets: Arc::new(secrets), clock: ManualClock::new(TIME) };
    let of_device = |id: &str| ours.of_device(&DeviceId::parse("device_id", id).expect("valid"));
    of_device("one").store_credentials(None, &credentials("of one")).await.expect("stores");
    let stored = of_device("one").credentials().await.expect("works");
    assert!(stored.is_some_and(|stored| stored.credentials == credentials("of one")));
    for other in [&of_device("two"), &ours] {
        assert!(other.credentials().await.expect("works").is_none());
    }
}

#[test]
fn debug_output_withholds_the_providers_secrets() {
    let secret = || SecretText::from("hush".to_owned());
    let (client_id, registered) = ("client".to_owned(), Timestamp::from_millis(1));
    let credentials = ClientCredentials { client_id: client_id.clone(), client_secret: secret(), registered };
    let received = MonotonicInstant::from_micros(1);
    let token = ProviderToken { access_token: secret(), client_id, received, expires_in: 1 };
    let statement = RegisteredStatement::from(&secret());
    assert_withheld("hush", &[&credentials, &token, &statement]);
}

#[test]
fn the_stored_formats_of_credentials_and_tokens_are_pinned() {
    let clock = ManualClock::new(TIME);
    let credentials = credentials("client");
    let encoded = encode_credentials(&credentials).expect("encodes");
    golden::check(
        CredentialsV1::NAME,
        CredentialsV1::VERSION,
        &encoded,
        |bytes| decode_credentials(bytes).map(|read| read == credentials),
        &true,
    );
    let token = ProviderToken {
        access_token: SecretText::from("token".to_owned()),
        client_id: "client".to_owned(),
        received: clock.instant(),
        expires_in: 3600,
    };
    clock.advance(Duration::from_secs(1800));
    let encoded = encode_token(&token, &*clock).expect("encodes");
    golden::check(
        TokenV1::NAME,
        TokenV1::VERSION,
        &encoded,
        |bytes| decode_token(bytes, &*clock).map(|read| read == token),
        &true,
    );
}
