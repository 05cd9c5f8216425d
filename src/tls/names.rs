//! The names in a client certificate.

use std::collections::BTreeSet;

use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use crate::domain::{credential::Credential, subject_alt_name::SubjectAltName};

/// The credential that a verified DER certificate proves. Names that cannot identify a caller are left out:
/// other kinds, wildcards, and malformed names.
#[must_use]
pub(crate) fn credential_of(certificate: &[u8]) -> Credential {
    let names =
        X509Certificate::from_der(certificate).map_or_else(|_| BTreeSet::new(), |(_, parsed)| names(&parsed));
    Credential::Certificate(names.into_iter().collect())
}

fn names(certificate: &X509Certificate<'_>) -> BTreeSet<SubjectAltName> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) => SubjectAltName::dns(text).ok(),
        GeneralName::URI(text) => SubjectAltName::uri(text).ok(),
        GeneralName::RFC822Name(text) => SubjectAltName::email(text).ok(),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}
