//! PEM files (RFC 7468). What is wrong with one is said in words that follow its path.

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{PemObject, SectionKind},
    },
};
use tokio_rustls::rustls;

/// What an encrypted key begins with, as PKCS#8 and as the older form has it.
const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];

/// The certificates of a file, in their order; at least one.
pub(super) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let sections = sections(text)?;
    let found: Vec<_> = sections
        .iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    if found.is_empty() {
        return Err(format!(
            "holds no certificate but {}; a certificate begins with -----BEGIN CERTIFICATE-----",
            kinds(&sections)
        ));
    }
    Ok(found)
}

/// The one private key of a file.
pub(super) fn key(text: &str) -> Result<PrivateKeyDer<'static>, String> {
    if ENCRYPTED.iter().any(|mark| text.contains(mark)) {
        return Err("is encrypted, and there is nobody to ask for its passphrase; decrypt it (openssl pkey -in FILE -out \
                    KEY) and let only the server's user read it"
            .to_owned());
    }
    let sections = sections(text)?;
    let mut keys =
        sections.iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(*kind, der.clone())).fuse();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => {
            Err("holds several private keys; only that of the certificate belongs in it".to_owned())
        }
        (None, _) => Err(format!(
            "holds no private key but {}; a key begins with -----BEGIN PRIVATE KEY-----, or with RSA or EC before PRIVATE",
            kinds(&sections)
        )),
    }
}

/// The certificates of a bundle as what others' are verified with; at least one.
pub(super) fn roots(text: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(text)?.into_iter().enumerate() {
        let number = index + 1;
        roots
            .add(certificate)
            .map_err(|error| format!("certificate {number} of it cannot be a CA's: {error}"))?;
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
        .map_err(|_| "is no PEM: a section's end is missing, or it is not base64".to_owned())?;
    if sections.is_empty() {
        return Err(
            "is no PEM: it has no section that begins with -----BEGIN CERTIFICATE----- or alike".to_owned()
        );
    }
    Ok(sections)
}

/// What a file holds instead of what it should.
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
