//! A JWT issuer: its keys, its tokens, and the HTTP server of its key set.

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

/// The length in bytes of the PKCS#8 header before the PKCS#1 key of a 2048-bit RSA key.
const PKCS8_HEADER: usize = 26;

/// A signing key for tokens.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// Generates a key.
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

    /// Signs a token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("signs")
    }

    /// The public key as a JWK, in the form of a Kubernetes cluster.
    pub fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        key.common.key_id = Some(self.id.clone());
        let mut key = serde_json::to_value(key).expect("JSON");
        key["use"] = json!("sig");
        key
    }
}

/// The server's response to requests for its keys.
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

/// The server. It lives as long as the test's runtime.
#[derive(Clone)]
pub struct IssuerServer {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl IssuerServer {
    /// Starts a server with this response.
    pub async fn start(serves: Serves) -> Self {
        Self::begin(serves, None).await
    }

    /// Starts a server with this response over TLS, with this certificate.
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
                        // Clients that do not trust the certificate abort the handshake.
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

    /// The URL of the key set.
    pub fn url(&self) -> String {
        format!("{}://{}/openid/v1/jwks", self.scheme, self.address)
    }

    /// Changes the response.
    pub fn serve(&self, serves: Serves) {
        *self.shared.serves.lock().expect("not poisoned") = serves;
    }

    /// Requires this bearer token from now on.
    pub fn ask_for(&self, token: &str) {
        *self.shared.token.lock().expect("not poisoned") = Some(token.to_owned());
    }

    /// Returns the number of requests.
    pub fn asked(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// Waits for this number of requests.
    pub async fn asked_times(&self, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        asked.wait_for(|asked| *asked >= times).await.expect("the server runs");
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The key set of these keys.
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
