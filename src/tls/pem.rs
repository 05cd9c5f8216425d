//! PEM files (RFC 7468). The texts of errors continue a sentence that starts with the path of the file.

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{PemObject, SectionKind},
    },
};
use tokio_rustls::rustls;

/// The markers of encrypted keys: PKCS#8, and the traditional format.
const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];

/// The certificates of a file, in order; at least one.
pub(super) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let sections = sections(text)?;
    let found: Vec<_> = sections
        .iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    if found.is_empty() {
        return Err(format!(
            "contains no certificate, but {}; a certificate begins with -----BEGIN CERTIFICATE-----",
            kinds(&sections)
        ));
    }
    Ok(found)
}

/// The private key of a file, which must have exactly one.
pub(super) fn key(text: &str) -> Result<PrivateKeyDer<'static>, String> {
    if ENCRYPTED.iter().any(|mark| text.contains(mark)) {
        return Err("is encrypted, and the server cannot prompt for a passphrase; decrypt it (openssl pkey -in FILE -out \
                    KEY), and make it readable only for the server's user"
            .to_owned());
    }
    let sections = sections(text)?;
    let mut keys =
        sections.iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(*kind, der.clone())).fuse();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => {
            Err("contains several private keys; keep only that of the certificate".to_owned())
        }
        (None, _) => Err(format!(
            "contains no private key, but {}; a key begins with -----BEGIN PRIVATE KEY-----, or with RSA or EC before PRIVATE",
            kinds(&sections)
        )),
    }
}

/// The certificates of a bundle as trust anchors; at least one.
pub(super) fn roots(text: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(text)?.into_iter().enumerate() {
        let number = index + 1;
        roots.add(certificate).map_err(|error| {
            format!("contains a certificate that is not usable as a CA (certificate {number}): {error}")
        })?;
    }
    Ok(roots)
}

fn sections(text: &str) -> Result<Vec<(SectionKind, Vec<u8>)>, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes());
    let sections: Vec<_> = sections
        .collect::<Result<_, _>>()
        .map_err(|_| "is not valid PEM: a section is not terminated, or is not base64".to_owned())?;
    if sections.is_empty() {
        return Err("is not PEM: it has no section such as -----BEGIN CERTIFICATE-----".to_owned());
    }
    Ok(sections)
}

/// What a file contains instead of the expected section.
fn kinds(sections: &[(SectionKind, Vec<u8>)]) -> &'static str {
    match sections.first().map(|(kind, _)| kind) {
        Some(SectionKind::Certificate) => "a certificate",
        Some(SectionKind::PublicKey) => "a public key",
        Some(SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey) => {
            "a private key"
        }
        Some(SectionKind::Crl) => "a revocation list",
        Some(SectionKind::Csr) => "a certificate request",
        _ => "something else",
    }
}
