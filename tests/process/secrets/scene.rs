//! A server with every feature configured, over a provider, with TLS, at the most verbose log level.

use std::{fs, path::PathBuf};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper_util::rt::TokioIo;
use jsonwebtoken::Algorithm;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls;
use tonic::transport::{Channel, Endpoint};

use super::planted::Planted;
use crate::{
    client::printed,
    collector::Collector,
    support::{
        certificates::{Authority, TlsClient},
        http::{Answer, Call},
        issuer::SigningKey,
        provider::Provider,
        server_process::{Program, ServerProcess},
    },
};

/// The environments, each with the host that REST clients use for it.
pub const ENVIRONMENTS: [(&str, &str); 3] =
    [("default", "local.example.com"), ("first", "v1.example.com"), ("second", "v2.example.com")];

/// A log filter that names the libraries that are silent by default.
const EVERYTHING: &str = "trace,h2=trace,hyper=trace,hyper_util=trace,rustls=trace,tokio_rustls=trace,tonic=trace,\
                          tower=trace,tower_http=trace,axum=trace,reqwest=trace";

const UPSTREAM_STATEMENT: &str = "the-operators.software-statement.a1b2c3";
const CALLER_TOKEN: &str = "pb_static-caller-token-7f3a9b";
const LEGACY_SECRET: &str = "legacy-secret-key-5d1e8c";
const LEGACY_PUBLIC: &str = "legacy-pair";
const ISSUER: &str = "https://issuer.example.com";

/// The server, its surrounding services, and the values that it must not reveal.
pub struct Scene {
    pub server: ServerProcess,
    pub provider: Provider,
    pub collector: Collector,
    /// Values that only their owner may see.
    pub secrets: Planted,
    /// Values that operators must not see.
    pub personal: Planted,
    /// All responses except secrets returned to their owners.
    pub answers: Vec<u8>,
    /// Creates a caller's JWT.
    pub jwt: String,
    pub folder: tempfile::TempDir,
    client: TlsClient,
}

impl Scene {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (provider, authority) = (Provider::start(), Authority::named("ours"));
        let (collector, collector_address) = Collector::start().await;
        let mut secrets = Planted::default();

        let identity = authority.server();
        identity.written_to(folder.path());
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        // The bytes before it are the same in every such key, and the bytes after it are the public key.
        secrets.add("the TLS key", &key.secret_der()[36..68]);
        let ring = printed(Program::new(&["keys", "new", "--id", "one"]));
        let ring_key = BASE64_STANDARD.decode(ring.split_once(':').expect("a line").1).expect("base64");
        secrets.add("a key of the key ring", ring_key);
        for (name, text) in [
            ("the upstream's statement", UPSTREAM_STATEMENT),
            ("a caller's token", CALLER_TOKEN),
            ("a legacy key", LEGACY_SECRET),
        ] {
            secrets.add(name, text);
        }
        let issuer = SigningKey::new("key-1", Algorithm::ES256);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("ring", &ring);
        write("statement", UPSTREAM_STATEMENT);
        write("legacy", LEGACY_SECRET);
        write("jwks", &json!({ "keys": [issuer.public()] }).to_string());
        write("passbridge.toml", &configuration(&folder.path().display().to_string(), &provider.url()));
        let server = Program::server(&folder.path().join("data"))
            .argument("--config")
            .argument(folder.path().join("passbridge.toml"))
            .env("PASSBRIDGE_LOG__FILTER", EVERYTHING)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector_address}"))
            .env("OTEL_TRACES_SAMPLER", "always_on")
            .start();
        let jwt = issuer.sign(&json!({
            "iss": ISSUER, "aud": ["passbridge"], "sub": "player", "exp": 32_503_680_000_u64, "iat": 1
        }));
        let signature = jwt.rsplit('.').next().expect("has one").to_owned();
        secrets.add("a caller's JWT", &signature);
        Self {
            server,
            provider,
            collector,
            secrets,
            personal: Planted::default(),
            answers: Vec::new(),
            jwt,
            folder,
            client: authority.client(),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command with the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Program {
        let data = self.data();
        Program::new(arguments)
            .argument("--config")
            .argument(self.folder.path().join("passbridge.toml"))
            .env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"))
    }

    /// The credentials of callers with every permission, and those of unknown callers, which may be valid elsewhere.
    pub fn caller_tokens(&mut self) -> [Option<String>; 4] {
        let wrong = "pb_a-secret-of-another-server-4e7d";
        self.secrets.add("a wrong token", wrong);
        [Some(CALLER_TOKEN.to_owned()), Some(self.jwt.clone()), Some(wrong.to_owned()), None]
    }

    /// Opens a gRPC connection.
    pub fn channel(&self) -> Channel {
        let (client, address) = (self.client.clone().wanting("h2"), self.server.grpc);
        let connect = tower::service_fn(move |_: http::Uri| {
            let client = client.clone();
            async move { client.connect(address).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://127.0.0.1").connect_with_connector_lazy(connect)
    }

    /// Sends a REST call and records its response.
    pub async fn send(&mut self, call: Call) -> Answer {
        let answer = self.send_by_owner(call).await;
        self.answers.extend(format!("{answer:?}\n").into_bytes());
        answer
    }

    /// Sends a REST call whose response is the caller's secret.
    pub async fn send_by_owner(&self, call: Call) -> Answer {
        let stream = self.client.connect(self.server.rest).await.expect("connects");
        call.send_over(stream).await.expect("answers")
    }

    /// The secrets that the provider issued to the server or received from any client.
    pub async fn plant_what_the_provider_saw(&mut self) {
        for call in self.provider.calls().await {
            let bearer =
                call["headers"]["authorization"].as_str().and_then(|line| line.strip_prefix("Bearer "));
            let form = call["body"].as_str().unwrap_or_default();
            let secret = form.split('&').find_map(|pair| pair.strip_prefix("client_secret="));
            for (name, text) in
                [("a token at the provider", bearer), ("a client secret at the provider", secret)]
            {
                if let Some(text) = text.filter(|text| text.len() > 7) {
                    self.secrets.add(name, text);
                }
            }
        }
    }
}

/// Signs a request with the legacy key pair at this time, in milliseconds.
pub fn signed(method: &str, nonce: &str, now: u64) -> String {
    let text = format!(
        "{method} requestor_id=REF, nonce={nonce}, signature_method=HMAC-SHA1, request_time={now}, \
         request_uri=/regcode"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, LEGACY_SECRET.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}, public_key={LEGACY_PUBLIC}, signature={signature}")
}

fn configuration(folder: &str, provider: &str) -> String {
    let hash: String = Sha256::digest(CALLER_TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
    let permissions: Value =
        passbridge::domain::caller::Permission::ALL.map(|one| one.as_str()).to_vec().into();
    let tls = format!("tls = {{ certificate = \"{folder}/tls.crt\", key = \"{folder}/tls.key\" }}");
    let upstream = |name: &str, backend: &str| {
        format!(
            "[environments.{name}]\nhosts = [\"{backend}.example.com\"]\nbackend = \"{backend}\"\n\
             url = \"{provider}\"\nsoftware_statement_file = \"{folder}/statement\"\npassthrough = \"{provider}\"\n"
        )
    };
    let caller = |name: &str, known: &str| {
        format!("[[callers]]\nname = \"{name}\"\n{known}\npermissions = {permissions}\n")
    };
    [
        format!("[grpc]\nauth = \"callers\"\n{tls}\n"),
        format!("[[grpc.jwt]]\nissuer = \"{ISSUER}\"\naudience = \"passbridge\"\njwks = \"{folder}/jwks\"\n"),
        format!("[rest]\n{tls}\ntrusted_proxies = [\"127.0.0.0/8\"]\naddress_limit = {{ per_second = 10000, burst = 10000 }}\n"),
        format!(
            "[[rest.legacy_keys]]\npublic_key = \"{LEGACY_PUBLIC}\"\nsecret_key_file = \"{folder}/legacy\"\n\
             requestors = [\"REF\"]\n"
        ),
        format!("[store]\nkey_ring = \"{folder}/ring\"\n"),
        "[environments.default]\n".to_owned(),
        upstream("first", "v1"),
        upstream("second", "v2"),
        caller("static", &format!("token_hash = \"{hash}\"")),
        caller("player", &format!("jwt = {{ issuer = \"{ISSUER}\", subject = \"player\" }}")),
    ]
    .concat()
}
