//! TLS settings of a listener: its certificate, and the client certificates that it accepts.

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

/// The ALPN protocol of gRPC connections (RFC 7301).
pub(crate) const ALPN_GRPC: &[u8] = b"h2";

/// The ALPN protocol of REST connections.
pub(crate) const ALPN_REST: &[u8] = b"http/1.1";

/// The validity period of a certificate; both ends are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub start: Timestamp,
    /// Not after.
    pub end: Timestamp,
}

/// A certificate with its private key, and the client certificates to accept.
#[derive(Clone)]
pub struct ServerTls {
    own: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    validity: Validity,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerTls").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// The faulty part of a certificate and key, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerTlsError {
    /// The certificate.
    Certificate(String),
    /// The key.
    Key(String),
}

impl ServerTls {
    /// Parses a chain, whose first certificate is the server's own, and its key.
    ///
    /// # Errors
    /// Every problem. The texts continue a sentence that starts with the path of the file.
    pub(crate) fn new(certificate: &str, key: &str) -> Result<Self, Vec<ServerTlsError>> {
        use ServerTlsError::{Certificate, Key};
        let chain = pem::certificates(certificate)
            .and_then(|chain| validity(&chain[0]).map(|validity| (chain, validity)));
        let key = pem::key(key).and_then(|key| {
            let unusable = |error| format!("contains an unusable key ({error}); usable are RSA with 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519");
            provider().key_provider.load_private_key(key).map_err(unusable)
        });
        let ((chain, validity), key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => {
                let wrong = [chain.err().map(Certificate), key.err().map(Key)];
                return Err(wrong.into_iter().flatten().collect());
            }
        };
        let own = CertifiedKey::new(chain, key);
        match own.keys_match() {
            Ok(()) => Ok(Self { own: Arc::new(own), clients: None, validity }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(vec![Key(
                "does not belong to the certificate: it must be the key of the first certificate in the certificate file"
                    .to_owned(),
            )]),
            Err(error) => Err(vec![Certificate(format!("contains an unusable certificate: {error}"))]),
        }
    }

    /// Adds a request for client certificates signed by these CAs. If `required`, clients without one are
    /// refused.
    ///
    /// # Errors
    /// If the bundle is invalid. The text continues a sentence that starts with its path.
    pub(crate) fn with_client_ca(self, client_ca: &str, required: bool) -> Result<Self, String> {
        let roots = pem::roots(client_ca)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
        let verifier = verifier.build().map_err(|error| format!("is not usable: {error}"))?;
        Ok(Self { clients: Some(verifier), ..self })
    }

    /// The server's own certificate.
    #[must_use]
    pub(crate) fn certificate(&self) -> &[u8] {
        self.own.cert.first().map_or(&[], |certificate| certificate)
    }

    /// The validity period of the server's own certificate.
    #[must_use]
    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// The configuration of connections with the protocol `alpn`. The clock judges client certificates.
    ///
    /// # Errors
    /// If the cryptography library supports neither TLS 1.2 nor 1.3, which is a defect of the build.
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
        let own = SingleCertAndKey::from(Arc::clone(&self.own));
        let mut config = verified.with_cert_resolver(Arc::new(own));
        config.alpn_protocols = vec![alpn.to_vec()];
        if self.clients.is_some() {
            // A resumed session would accept a client certificate after its expiry.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else {
            // Tickets are sealed with a key of this configuration, so the server stores nothing per client.
            config.ticketer = aws_lc_rs::Ticketer::new()?;
        }
        Ok(config)
    }
}

/// The cryptography provider. Set explicitly rather than per process, so that no other crate can change it.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn validity(certificate: &CertificateDer<'_>) -> Result<Validity, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("contains an invalid first certificate: {error}"))?;
    let moment = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_millis(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1000))
    };
    let validity = parsed.validity();
    Ok(Validity { start: moment(validity.not_before), end: moment(validity.not_after) })
}

/// The clock that judges client certificates.
#[derive(Debug)]
struct CertificateTime(SharedClock);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().as_millis())))
    }
}
