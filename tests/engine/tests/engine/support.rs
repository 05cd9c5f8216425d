//! Shared by several test files.

use std::{fs, path::Path, thread, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use test_engine::{Product, Tls};

pub const PRODUCTS: [Product; 2] = [Product::Redis, Product::Valkey];

/// Waits until the condition holds, for a minute at most.
pub fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the condition does not hold after a minute");
}

/// Returns a server certificate and its CA, from which clients must have a certificate too.
pub fn tls(folder: &Path) -> Tls {
    let mut authority = CertificateParams::default();
    // The name must differ from that of the certificate, which would otherwise appear self-signed.
    authority.distinguished_name.push(DnType::CommonName, "CA of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed");
    let names = ["127.0.0.1".to_owned(), "127.0.0.2".to_owned()];
    let key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(names).expect("valid").signed_by(&key, &authority).expect("signed");
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).expect("written");
        file
    };
    Tls {
        certificate: write("server.pem", &certificate.pem()),
        key: write("server.key", &key.serialize_pem()),
        ca: write("ca.pem", &authority.pem()),
        client_certificates: true,
    }
}
