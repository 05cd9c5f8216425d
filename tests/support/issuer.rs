//! An issuer of JWTs: its keys, its tokens, and the HTTP server that serves its key set.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::certificates::Identity;

/// How long the header of a PKCS#8 key with 2048 bits of RSA is, before its PKCS#1 key.
const PKCS8_HEADER: usize = 26;

/// A key that tokens are signed with.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// A new one.
    pub fn new(id: &str, algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("generates");
                EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a key").as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("generates");
                EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("a key").as_ref())
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("generates");
                EncodingKey::from_rsa_der(&pair.as_der().expect("a key").as_ref()[PKCS8_HEADER..])
            }
            other => panic!("no test has keys for {other:?}"),
        };
        Self { id: id.to_owned(), algorithm, key }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("signs")
    }

    /// Its public part, as a cluster of Kubernetes lists it.
    pub fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        key.common.key_id = Some(self.id.clone());
        let mut key = serde_json::to_value(key).expect("JSON");
        key["use"] = json!("sig");
        key
    }
}

/// What the server does when its keys are asked for.
#[derive(Debug, Clone)]
pub enum Serves {
    Text(StatusCode, String),
    Nothing,
}

struct Shared {
    serves: Mutex<Serves>,
    asked: watch::Sender<usize>,
    token: Mutex<Option<String>>,
}

/// The server, for as long as the test's runtime lives.
#[derive(Clone)]
pub struct IssuerServer {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl IssuerServer {
    /// Serves this.
    pub async fn start(serves: Serves) -> Self {
        Self::begin(serves, None).await
    }

    /// Serves this over TLS, with this certificate.
    pub async fn start_over_tls(serves: Serves, identity: &Identity) -> Self {
        Self::begin(serves, Some(TlsAcceptor::from(Arc::new(identity.server_config())))).await
    }

    async fn begin(serves: Serves, tls: Option<TlsAcceptor>) -> Self {
        let (asked, _) = watch::channel(0);
        let shared = Arc::new(Shared { serves: Mutex::new(serves), asked, token: Mutex::default() });
        let router = Router::new().route("/openid/v1/jwks", get(serve)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accepts");
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve_connection(stream, router).await,
                        // Whoever does not believe the certificate leaves in the middle.
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve_connection(stream, router).await;
                        }
                    }
                });
            }
        });
        Self { scheme, address, shared }
    }

    /// Where its keys are.
    pub fn url(&self) -> String {
        format!("{}://{}/openid/v1/jwks", self.scheme, self.address)
    }

    /// From now on it serves this.
    pub fn serve(&self, serves: Serves) {
        *self.shared.serves.lock().expect("not poisoned") = serves;
    }

    /// From now on it asks for this token.
    pub fn ask_for(&self, token: &str) {
        *self.shared.token.lock().expect("not poisoned") = Some(token.to_owned());
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// Waits until it was asked so often.
    pub async fn asked_times(&self, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        asked.wait_for(|asked| *asked >= times).await.expect("the server is there");
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A key set of these keys.
pub fn keys<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Serves {
    let keys: Vec<_> = keys.into_iter().map(SigningKey::public).collect();
    Serves::Text(StatusCode::OK, json!({ "keys": keys }).to_string())
}

async fn serve(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.asked.send_modify(|asked| *asked += 1);
    let wanted = shared.token.lock().expect("not poisoned").clone().map(|token| format!("Bearer {token}"));
    if wanted.is_some() && headers.get(AUTHORIZATION).and_then(|line| line.to_str().ok()) != wanted.as_deref()
    {
        return response(StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    let serves = shared.serves.lock().expect("not poisoned").clone();
    match serves {
        Serves::Text(status, text) => response(status, text),
        Serves::Nothing => std::future::pending().await,
    }
}

fn response(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
