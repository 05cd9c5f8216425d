//! Certificates made by the test, and clients that speak TLS.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use passbridge::config::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

/// Both versions that are served.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub certificate: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// What a certificate can be wrong in, or right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Right,
    Expired,
    NotValidYet,
    SelfSigned,
    ForServersOnly,
}

impl Authority {
    /// One of this name.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for a server at 127.0.0.1.
    pub fn server(&self) -> Identity {
        self.identity("127.0.0.1", Kind::Right)
    }

    /// A certificate for this name or address.
    pub fn identity(&self, name: &str, kind: Kind) -> Identity {
        self.identity_named(&[name], kind)
    }

    /// A certificate with these names, which are told apart as `callers.san` does it, and addresses.
    pub fn identity_named(&self, names: &[&str], kind: Kind) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.subject_alt_names = names.iter().map(|name| alt_name(name)).collect();
        params.distinguished_name.push(DnType::CommonName, "a test");
        match kind {
            Kind::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Kind::NotValidYet => params.not_before = date_time_ymd(2200, 1, 1),
            Kind::ForServersOnly => params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth),
            Kind::Right | Kind::SelfSigned => {}
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = match kind {
            Kind::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        Identity { certificate: certificate.expect("signs").pem(), key: key.serialize_pem() }
    }

    /// A client that knows this authority.
    pub fn client(&self) -> TlsClient {
        TlsClient {
            authority: der(&self.certificate),
            identity: None,
            versions: VERSIONS.to_vec(),
            protocol: None,
        }
    }
}

impl Identity {
    /// Writes both into a folder, over what is there, and configures a listener with them.
    pub fn written_to(&self, folder: &Path) -> Tls {
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        replace(&certificate, &self.certificate);
        replace(&key, &self.key);
        Tls { certificate: Some(certificate), key: Some(key), ..Tls::default() }
    }

    /// What a server of the test's own shows it with.
    #[allow(dead_code, reason = "not every binary has such a server")]
    pub fn server_config(&self) -> ServerConfig {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("are supported")
            .with_no_client_auth()
            .with_single_cert(vec![der(&self.certificate)], key)
            .expect("belong together")
    }

    /// The certificate as it is shown in a handshake.
    pub fn der(&self) -> Vec<u8> {
        der(&self.certificate).to_vec()
    }
}

/// Replaces a file in one step, so that nobody reads half of it.
pub fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).expect("written");
    std::fs::rename(next, path).expect("renamed");
}

fn alt_name(text: &str) -> SanType {
    let name = text.try_into().expect("ASCII");
    match text.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if text.contains(':') => SanType::URI(name),
        Err(_) if text.contains('@') => SanType::Rfc822Name(name),
        Err(_) => SanType::DnsName(name),
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// A client that is about to connect.
#[derive(Clone)]
pub struct TlsClient {
    authority: CertificateDer<'static>,
    identity: Option<Identity>,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocol: Option<&'static str>,
}

impl TlsClient {
    /// The same with a certificate of its own.
    pub fn showing(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// The same with this version only.
    pub fn speaking(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    /// The same with this protocol (ALPN) only.
    pub fn wanting(mut self, protocol: &'static str) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// What it connects with.
    pub fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&self.versions)
            .expect("are supported")
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some(Identity { certificate, key }) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                config.with_client_auth_cert(vec![der(certificate)], key).expect("belong together")
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = self.protocol.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    /// Connects.
    ///
    /// # Errors
    /// Where the handshake fails. Over TLS 1.3 the server may refuse a certificate after the client's side of it.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await.expect("connects");
        let name = ServerName::from(address.ip());
        TlsConnector::from(Arc::new(self.config())).connect(name, stream).await
    }
}

/// The certificate that the server showed.
pub fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    shown.expect("a server shows one").to_vec()
}
