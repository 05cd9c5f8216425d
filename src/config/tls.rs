//! The `tls` sections, which are the same for each listener.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Transport security of a listener. Its files are reloaded when they change, and on SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// Where TLS is terminated. If not set: `"on"` if `certificate` is set, otherwise `"off"`.
    pub mode: Option<TlsMode>,
    /// A PEM file with the server certificate, followed by those of the intermediate CAs.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the certificate's private key, unencrypted (PKCS#8, PKCS#1 or SEC 1). Only the
    /// server's user should be able to read it.
    pub key: Option<PathBuf>,
    /// A PEM file with the CAs whose client certificates are accepted.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must present a certificate signed by `client_ca`. A certificate that is presented
    /// must be valid in either case. If not set: `"optional"` if `client_ca` is set.
    pub client_certificate: Option<ClientCertificate>,
}

impl Tls {
    /// The configured mode, or its default.
    #[must_use]
    pub fn mode(&self) -> TlsMode {
        let default = if self.certificate.is_some() { TlsMode::On } else { TlsMode::Off };
        self.mode.unwrap_or(default)
    }

    /// Whether a client must present a certificate. Without `client_ca`, none is requested.
    #[must_use]
    pub fn client_certificate(&self) -> ClientCertificate {
        self.client_certificate.unwrap_or(ClientCertificate::Optional)
    }

    /// The files that this section names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key, &self.client_ca].into_iter().flatten()
    }
}

/// Where TLS is terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Nowhere: connections are plain text. Allowed only on a loopback address.
    Off,
    /// At this listener.
    On,
    /// At a proxy in front of this listener. Make sure that only the proxy can connect to the listener.
    TerminatedElsewhere,
}

/// Whether a client must present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// A certificate is optional.
    Optional,
    /// A certificate is required.
    Required,
}
