//! Mistakes that operators can make with certificates.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;

/// A certificate and its key, and the CA that has issued it.
struct IssuedCertificate {
    certificate: String,
    key: String,
    ca: String,
}

fn issue() -> IssuedCertificate {
    let key = || KeyPair::generate().expect("a key");
    let mut ca_params = CertificateParams::new(Vec::new()).expect("no names");
    ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (ca_key, own_key) = (key(), key());
    let ca = ca_params.self_signed(&ca_key).expect("signs").pem();
    let own = CertificateParams::new(vec!["api.example.com".to_owned()]).expect("a name");
    let certificate = own.signed_by(&own_key, &Issuer::new(ca_params, ca_key)).expect("signs").pem();
    IssuedCertificate { certificate, key: own_key.serialize_pem(), ca }
}

fn section(text: &str) -> Tls {
    toml::from_str(text).expect("deserializes")
}

const WHOLE: &str = "certificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\n";

/// The violations of `grpc.tls`.
fn reported(text: &str, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let files = files.iter().copied().collect();
    let outcome = ListenersTls::new(&section(text), &Tls::default(), &files);
    let violations = outcome.err().unwrap_or_default().into_iter();
    violations.map(|violation| (violation.field, violation.description)).collect()
}

#[test]
fn a_certificate_enables_tls_and_a_ca_requests_client_certificates() {
    let IssuedCertificate { certificate, key, ca } = issue();
    let files = [("c", certificate.as_str()), ("k", &key), ("a", &ca)];
    for (text, on) in [
        ("certificate = \"c\"\nkey = \"k\"", true),
        (WHOLE, true),
        (
            "mode = \"on\"\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\nclient_certificate = \"required\"",
            true,
        ),
        ("", false),
        ("mode = \"off\"", false),
        ("mode = \"terminated_elsewhere\"", false),
    ] {
        let files = files.into_iter().collect();
        let tls = ListenersTls::new(&Tls::default(), &section(text), &files).expect(text);
        assert!(tls.grpc.is_none());
        assert_eq!(tls.rest.is_some(), on, "{text}");
    }
}

#[test]
fn file_errors_name_the_key_the_path_and_the_remedy() {
    let IssuedCertificate { certificate, key, ca } = issue();
    let other = issue();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let older =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMA==\n-----END RSA PRIVATE KEY-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    let nonsense_key = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n";
    let two_keys = format!("{key}{}", other.key);
    for (name, content, field, part) in [
        ("c", "", "certificate", "c is empty"),
        ("c", "certificate\n", "certificate", "PEM"),
        ("c", "-----BEGIN CERTIFICATE-----\nMA==\n", "certificate", "PEM"),
        ("c", &key, "certificate", "contains no certificate, but a private key"),
        ("c", nonsense, "certificate", "contains an invalid"),
        ("k", "", "key", "k is empty"),
        ("k", &certificate, "key", "contains no private key, but a certificate"),
        ("k", encrypted, "key", "is encrypted"),
        ("k", older, "key", "is encrypted"),
        ("k", nonsense_key, "key", "contains an unusable key"),
        ("k", &two_keys, "key", "several private keys"),
        ("k", &other.key, "key", "does not belong to the certificate"),
        ("a", "", "client_ca", "a is empty"),
        ("a", &key, "client_ca", "contains no certificate, but a private key"),
        ("a", nonsense, "client_ca", "certificate 1"),
    ] {
        let mut files = vec![("c", certificate.as_str()), ("k", &key), ("a", &ca)];
        files.iter_mut().filter(|(file, _)| *file == name).for_each(|file| file.1 = content);
        let reported = reported(WHOLE, &files);
        let [(reported_field, text)] = &reported[..] else { panic!("{field} {part}: {reported:?}") };
        assert_eq!(reported_field, &format!("grpc.tls.{field}"), "{text}");
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn conflicting_keys_are_reported() {
    let IssuedCertificate { certificate, key, .. } = issue();
    let files = [("c", certificate.as_str()), ("k", &key)];
    for (text, field, part) in [
        ("certificate = \"c\"", "key", "is required"),
        ("mode = \"on\"\nkey = \"k\"", "certificate", "is required"),
        ("key = \"k\"", "key", "has no effect with no certificate"),
        ("mode = \"off\"\ncertificate = \"c\"", "certificate", "has no effect with mode = \"off\""),
        ("mode = \"terminated_elsewhere\"\nclient_ca = \"a\"", "client_ca", "\"terminated_elsewhere\""),
        (
            "certificate = \"c\"\nkey = \"k\"\nclient_certificate = \"required\"",
            "client_certificate",
            "client_ca",
        ),
        ("certificate = \"c\"\nkey = \"k\"\nclient_ca = \"nowhere\"", "client_ca", "nowhere cannot be read"),
    ] {
        let reported = reported(text, &files);
        let [(reported_field, description)] = &reported[..] else { panic!("{text}: {reported:?}") };
        assert_eq!(reported_field, &format!("grpc.tls.{field}"), "{text}");
        assert!(description.contains(part), "{part}: {description}");
    }
}
