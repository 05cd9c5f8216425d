//! `tls`, the same for each listener.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Transport security of a listener. Its files are read again when they change, and at a reload.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// Who ends TLS. Where it is left out: `"on"` if a certificate is given, else `"off"`.
    pub mode: Option<TlsMode>,
    /// The PEM file with the server's certificate, and after it those of the intermediate CAs.
    pub certificate: Option<PathBuf>,
    /// The PEM file with the certificate's private key, unencrypted (PKCS#8, PKCS#1 or SEC 1). Nobody but the server's user
    /// should be able to read it.
    pub key: Option<PathBuf>,
    /// The PEM file with the CAs whose client certificates are taken.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate of `client_ca`. One that is shown must be valid in either case. Where it is
    /// left out: `"optional"` if `client_ca` is given.
    pub client_certificate: Option<ClientCertificate>,
}

impl Tls {
    /// Who ends TLS.
    #[must_use]
    pub fn mode(&self) -> TlsMode {
        let default = if self.certificate.is_some() { TlsMode::On } else { TlsMode::Off };
        self.mode.unwrap_or(default)
    }

    /// Whether a client must show a certificate; it is asked for none without `client_ca`.
    #[must_use]
    pub fn client_certificate(&self) -> ClientCertificate {
        self.client_certificate.unwrap_or(ClientCertificate::Optional)
    }

    /// The files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key, &self.client_ca].into_iter().flatten()
    }
}

/// Who ends TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Nobody: plain text, for loopback addresses only.
    Off,
    /// This listener.
    On,
    /// A proxy in front of this listener, to which only that proxy can connect.
    TerminatedElsewhere,
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// It may.
    Optional,
    /// It must.
    Required,
}
