//! What a listener shows to its clients, and what it asks of them.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, UnixTime},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};
use tokio_rustls::rustls;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::pem;
use crate::domain::clock::{SharedClock, Timestamp};

/// What gRPC's connections speak (ALPN, RFC 7301).
pub(crate) const ALPN_GRPC: &[u8] = b"h2";

/// What REST's connections speak.
pub(crate) const ALPN_REST: &[u8] = b"http/1.1";

/// Of when to when a certificate is valid, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub start: Timestamp,
    /// Not after.
    pub end: Timestamp,
}

/// A certificate with the key that belongs to it, and whose client certificates are taken.
#[derive(Clone)]
pub struct ServerTls {
    shown: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    validity: Validity,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerTls").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// Why a certificate and a key do not make a listener's TLS: with which of them something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerTlsError {
    /// The certificate.
    Certificate(String),
    /// The key.
    Key(String),
}

impl ServerTls {
    /// Reads a chain, whose first certificate is the server's own, and its key.
    ///
    /// # Errors
    /// Everything that is wrong, in words that follow the path of the file.
    pub(crate) fn new(certificate: &str, key: &str) -> Result<Self, Vec<ServerTlsError>> {
        use ServerTlsError::{Certificate, Key};
        let chain = pem::certificates(certificate)
            .and_then(|chain| validity(&chain[0]).map(|validity| (chain, validity)));
        let key = pem::key(key).and_then(|key| {
            let unusable = |error| format!("holds a key that cannot be used ({error}); RSA of 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519 can");
            provider().key_provider.load_private_key(key).map_err(unusable)
        });
        let ((chain, validity), key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => {
                let wrong = [chain.err().map(Certificate), key.err().map(Key)];
                return Err(wrong.into_iter().flatten().collect());
            }
        };
        let shown = CertifiedKey::new(chain, key);
        match shown.keys_match() {
            Ok(()) => Ok(Self { shown: Arc::new(shown), clients: None, validity }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(vec![Key(
                "does not belong to the certificate: the first certificate of the other file must be the server's own, \
                 and this its key"
                    .to_owned(),
            )]),
            Err(error) => Err(vec![Certificate(format!("holds a certificate that cannot be used: {error}"))]),
        }
    }

    /// The same, which also asks clients for a certificate of one of these CAs, and serves nobody without where it is
    /// `required`.
    ///
    /// # Errors
    /// What is wrong with the bundle, in words that follow its path.
    pub(crate) fn asking_clients(self, client_ca: &str, required: bool) -> Result<Self, String> {
        let roots = pem::roots(client_ca)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
        let verifier = verifier.build().map_err(|error| format!("cannot be used: {error}"))?;
        Ok(Self { clients: Some(verifier), ..self })
    }

    /// The server's own certificate.
    #[must_use]
    pub(crate) fn certificate(&self) -> &[u8] {
        self.shown.cert.first().map_or(&[], |certificate| certificate)
    }

    /// Of when to when that is valid.
    #[must_use]
    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// What connections are opened with that speak `alpn`, by this clock.
    ///
    /// # Errors
    /// Where the cryptography supports neither TLS 1.2 nor 1.3, which would be a defect of the build.
    pub(crate) fn for_connections(
        &self,
        alpn: &[u8],
        clock: SharedClock,
    ) -> Result<ServerConfig, rustls::Error> {
        let versions = ServerConfig::builder_with_details(provider(), Arc::new(CertificateTime(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let verified = match &self.clients {
            Some(clients) => versions.with_client_cert_verifier(Arc::clone(clients)),
            None => versions.with_no_client_auth(),
        };
        let shown = SingleCertAndKey::from(Arc::clone(&self.shown));
        let mut config = verified.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = vec![alpn.to_vec()];
        if self.clients.is_some() {
            // A resumed session would keep a client's certificate beyond its end.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else {
            // Sealed by a key of this configuration alone: nothing is kept for a client.
            config.ticketer = aws_lc_rs::Ticketer::new()?;
        }
        Ok(config)
    }
}

/// The cryptography, which is named here rather than taken from the process: no other crate can choose another.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn validity(certificate: &CertificateDer<'_>) -> Result<Validity, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("holds something as its first certificate that is none: {error}"))?;
    let moment = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_millis(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1000))
    };
    let validity = parsed.validity();
    Ok(Validity { start: moment(validity.not_before), end: moment(validity.not_after) })
}

/// The clock that clients' certificates are judged by.
#[derive(Debug)]
struct CertificateTime(SharedClock);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().as_millis())))
    }
}
