//! Credentials of the server and the caller, generated for one run.

use std::{fs, path::PathBuf, sync::Arc};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::json;
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs as provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::support::Result;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "passbridge";
const SUBJECT: &str = "benchmark";

/// An expiry after any run.
const FAR_AWAY: u64 = 4_000_000_000;

/// A certificate for 127.0.0.1, and a folder for configuration files.
pub struct Credentials {
    folder: TempDir,
    certificate: CertifiedKey<KeyPair>,
}

impl Credentials {
    /// Generates credentials.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let certificate = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        fs::write(folder.path().join("tls.crt"), certificate.cert.pem())?;
        fs::write(folder.path().join("tls.key"), certificate.signing_key.serialize_pem())?;
        Ok(Self { folder, certificate })
    }

    /// A configuration with TLS and one caller, and the caller's `Authorization` header.
    pub fn configure_jwt(&self) -> Result<(PathBuf, HeaderValue)> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        public.common.key_id = Some("1".to_owned());
        fs::write(self.folder.path().join("jwks.json"), json!({ "keys": [public] }).to_string())?;
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::ES256) };
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": FAR_AWAY });
        let token = jsonwebtoken::encode(&header, &claims, &key)?;
        let callers = format!(
            "auth = \"callers\"\n{}\n[[grpc.jwt]]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n\
             jwks = '{}'\n[[callers]]\nname = \"benchmark\"\njwt = {{ issuer = \"{ISSUER}\", subject = \"{SUBJECT}\" }}\n\
             permissions = [\"codes.create\"]\n",
            self.tls(),
            self.folder.path().join("jwks.json").display()
        );
        Ok((self.configure("jwt.toml", &callers)?, HeaderValue::try_from(format!("Bearer {token}"))?))
    }

    /// A configuration with TLS only.
    pub fn configure_tls(&self) -> Result<PathBuf> {
        self.configure("tls.toml", &self.tls())
    }

    fn tls(&self) -> String {
        let path = |name| self.folder.path().join(name);
        let (certificate, key) = (path("tls.crt"), path("tls.key"));
        format!("tls = {{ certificate = '{}', key = '{}' }}", certificate.display(), key.display())
    }

    fn configure(&self, name: &str, grpc: &str) -> Result<PathBuf> {
        let file = self.folder.path().join(name);
        fs::write(&file, format!("[grpc]\n{grpc}"))?;
        Ok(file)
    }

    /// A client that trusts the certificate, with or without session resumption.
    pub fn client(&self, resumes: bool) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone())?;
        let config =
            ClientConfig::builder_with_provider(cryptography()).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        Ok(Arc::new(config))
    }

    /// The certificate and its PKCS #8 key in hexadecimal, as arguments of a server process.
    pub fn arguments(&self) -> [String; 2] {
        [hex(self.certificate.cert.der()), hex(&self.certificate.signing_key.serialize_der())]
    }
}

/// The TLS configuration of a server with [`Credentials::arguments`]: the defaults of rustls, with tickets.
pub fn server([certificate, key]: [&str; 2]) -> Result<Arc<ServerConfig>> {
    let (certificate, key) = (CertificateDer::from(bytes(certificate)?), bytes(key)?);
    let config = ServerConfig::builder_with_provider(cryptography()).with_safe_default_protocol_versions()?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.ticketer = provider::Ticketer::new()?;
    Ok(Arc::new(config))
}

fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let byte = |at: usize| {
        Ok(u8::from_str_radix(hex.get(at..at + 2).ok_or("an odd number of hexadecimal digits")?, 16)?)
    };
    (0..hex.len()).step_by(2).map(byte).collect()
}
