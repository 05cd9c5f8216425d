//! TLS settings of commands: the client certificate, and the servers to trust.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls;

use super::{pem, server::provider};

/// The servers to trust.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServerTrust<'a> {
    /// Servers with a certificate of a CA that this machine trusts.
    System,
    /// Servers with a certificate of a CA in this bundle.
    Authorities(&'a str),
    /// The server with the first certificate of this chain, whatever its name: the server that runs with this
    /// configuration.
    Itself(&'a str),
}

/// The faulty input, and what is wrong with it. The text continues a sentence that starts with the path of
/// the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientTlsError {
    /// The trusted CAs or certificate.
    Trust(String),
    /// The client certificate.
    Certificate(String),
    /// The private key of the client certificate.
    Key(String),
}

/// The TLS settings of a connection to a server in `trust`, with an optional client certificate and its key.
///
/// # Errors
/// If a file is invalid, or this machine has no CAs.
pub(crate) fn client_config(
    trust: ServerTrust<'_>,
    own: Option<(&str, &str)>,
) -> Result<ClientConfig, ClientTlsError> {
    let broken = |error: Error| ClientTlsError::Trust(error.to_string());
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(broken)?;
    let builder = match trust {
        ServerTrust::System => builder.with_platform_verifier().map_err(broken)?,
        ServerTrust::Authorities(bundle) => {
            builder.with_root_certificates(pem::roots(bundle).map_err(ClientTlsError::Trust)?)
        }
        ServerTrust::Itself(chain) => {
            let mut chain = pem::certificates(chain).map_err(ClientTlsError::Trust)?;
            let only = PinnedServerVerifier { certificate: chain.swap_remove(0), provider: provider() };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(only))
        }
    };
    let Some((certificate, key)) = own else { return Ok(builder.with_no_client_auth()) };
    let chain = pem::certificates(certificate).map_err(ClientTlsError::Certificate)?;
    let key = pem::key(key).map_err(ClientTlsError::Key)?;
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(_) => ClientTlsError::Key("does not belong to the certificate".to_owned()),
        error => ClientTlsError::Key(format!("is not usable: {error}")),
    })
}

/// Trusts only servers that hold the key of one pinned certificate.
#[derive(Debug)]
struct PinnedServerVerifier {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("the server certificate differs from the configured one".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
