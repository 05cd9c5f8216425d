//! Tests of access to the engine (TLS, users, passwords), and of the start check.

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use test_engine::{Server, ServerOptions, Tls};

use super::{nodes, outage::until, real_options};
use crate::{
    domain::port::StoreHealth,
    store::redis::{EngineTls, RedisOpenError, RedisOptions, RedisStore, start_check},
    telemetry::CapturedLog,
};

/// A CA that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        // The name must differ from that of the certificates, which would otherwise look self-signed.
        parameters.distinguished_name.push(DnType::CommonName, "CA of a test");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(parameters, key).expect("a CA"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Signs a certificate for this machine. Returns it with its key.
    fn sign(&self) -> [String; 2] {
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let parameters = CertificateParams::new(names).expect("parameters");
        [parameters.signed_by(&key, &self.0).expect("signed").pem(), key.serialize_pem()]
    }
}

async fn error_of(options: RedisOptions) -> String {
    RedisStore::open(options).await.err().expect("does not open").to_string()
}

#[tokio::test]
async fn tls_uses_the_configured_ca_and_client_certificate() {
    let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new());
    let write = |name: &str, pem: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).expect("written");
        file
    };
    let [certificate, key] = authority.sign();
    let tls = Tls {
        certificate: write("certificate", &certificate),
        key: write("key", &key),
        ca: write("ca", &authority.pem()),
        client_certificates: true,
    };
    let server = Server::start(ServerOptions { tls: Some(tls), ..ServerOptions::default() });
    let options = |ca: &Authority, client: Option<[String; 2]>| RedisOptions {
        tls: Some(EngineTls {
            ca: Some(ca.pem().into_bytes()),
            client: client.map(|[certificate, key]| (certificate.into_bytes(), key.into_bytes())),
        }),
        ..real_options(nodes(std::slice::from_ref(&server)))
    };
    let store = RedisStore::open(options(&authority, Some(authority.sign()))).await.expect("opens");
    store.check().await.expect("the store works");

    let stranger = Authority::new();
    for refused in [
        options(&authority, None),
        options(&authority, Some(stranger.sign())),
        options(&stranger, Some(authority.sign())),
        real_options(nodes(std::slice::from_ref(&server))),
    ] {
        let error = error_of(refused).await;
        assert!(error.contains("store.url") && error.contains("store.tls"), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_reported_at_start_without_the_password() {
    let server =
        Server::start(ServerOptions { password: Some("right".to_owned()), ..ServerOptions::default() });
    let options = real_options(nodes(std::slice::from_ref(&server)));
    let with = |password: Option<&'static str>| RedisOptions {
        password: password.map(|password| Arc::new(move || Ok(password.to_owned().into())) as _),
        ..options.clone()
    };
    RedisStore::open(with(Some("right"))).await.expect("opens");
    for wrong in [Some("not-at-all"), None] {
        let error = error_of(with(wrong)).await;
        assert!(error.contains("store.password_file"), "{error}");
        assert!(!error.contains("not-at-all"), "{error}");
    }
}

#[tokio::test]
async fn a_password_can_change_while_the_store_is_open() {
    let server =
        Server::start(ServerOptions { password: Some("first".to_owned()), ..ServerOptions::default() });
    let password = Arc::new(Mutex::new("first"));
    let read = Arc::clone(&password);
    let read = move || Ok((*read.lock().unwrap_or_else(PoisonError::into_inner)).to_owned().into());
    let options =
        RedisOptions { password: Some(Arc::new(read)), ..real_options(nodes(std::slice::from_ref(&server))) };
    let store = RedisStore::open(options).await.expect("opens");
    *password.lock().unwrap_or_else(PoisonError::into_inner) = "second";
    server.command(&["ACL", "SETUSER", "default", "resetpass", ">second"]);
    // Close the existing connections, which are authenticated with the first password.
    server.command(&["CLIENT", "KILL", "USER", "default"]);
    until("the store", async || store.check().await.is_ok()).await;
}

#[tokio::test]
async fn an_engine_that_forbids_config_is_used_with_a_warning() {
    let log = CapturedLog::of_this_thread();
    let users = vec!["default on nopass ~* &* +@all -config".to_owned()];
    let server = Server::start(ServerOptions { users, ..ServerOptions::default() });
    let store = RedisStore::open(real_options(nodes(std::slice::from_ref(&server)))).await.expect("opens");
    store.check().await.expect("the store works");
    assert!(log.text().contains("CONFIG is forbidden"), "{}", log.text());
}

#[test]
fn versions_before_seven_are_refused() {
    let node = super::address(([127, 0, 0, 1], 6379).into());
    let judge = |info: &str| start_check::judge(&redis::InfoDict::new(info), &node);
    for old in ["redis_version:6.2.14", "redis_version:", "server:other"] {
        assert!(matches!(judge(old), Err(RedisOpenError::TooOld { .. })), "{old}");
    }
    for new in [
        "redis_version:7.0.15",
        "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3",
        "redis_version:10.0",
    ] {
        assert!(judge(new).is_ok(), "{new}");
    }
}
