//! `[grpc]`

use std::{net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AddressLimit, HumanDuration, Tls};

/// The gRPC listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Grpc {
    /// The address and port to listen on. Any but a loopback address needs `auth = "callers"`
    /// and `tls`.
    pub listen: SocketAddr,
    /// How callers are known.
    pub auth: Auth,
    /// Whose JWTs callers may show.
    pub jwt: Vec<Jwt>,
    /// Transport security.
    pub tls: Tls,
    /// The largest request message, in bytes. A larger one is RESOURCE_EXHAUSTED.
    pub max_message_size: usize,
    /// How many calls one client address (an IPv4 address, or an IPv6 /64) may make, over all methods: `{ per_second = 50, burst = 200 }`.
    /// More are RESOURCE_EXHAUSTED. No limit where left out, which suits callers behind one proxy.
    pub address_limit: Option<AddressLimit>,
    /// How many connections are served at once; more wait to be accepted.
    pub max_connections: usize,
    /// How many calls and watches one connection may have open at once (HTTP/2 concurrent streams); a client
    /// waits with more.
    pub max_streams_per_connection: u32,
    /// How many watches are served at once, over all connections. One more is RESOURCE_EXHAUSTED.
    pub max_watches: usize,
    /// How many streams of resets (BatchResetTempPass) are served at once, over all connections. One more is RESOURCE_EXHAUSTED.
    pub max_batches: usize,
    /// With `auth = "callers"`: how many percent of `max_connections`, `max_watches` and `max_batches` one caller may have, 1 to
    /// 100; one of each at least. More are RESOURCE_EXHAUSTED. A connection counts as the caller's whose call is the first on it;
    /// one that its caller must not have is closed.
    pub caller_share: usize,
    /// How long a call may take until its answer begins, its own message included, whatever deadline it has. A
    /// watch goes on after that.
    pub answer_timeout: HumanDuration,
    /// An idle connection is asked for a sign of life this often.
    pub keepalive_interval: HumanDuration,
    /// A connection that gave no sign of life for this long after being asked is closed.
    pub keepalive_timeout: HumanDuration,
    /// A connection that has had no call for this long is closed; clients open another for their next one.
    pub idle_timeout: HumanDuration,
    /// How long a client may take to take what is sent to it. An answer that waits for it longer is reset, and a
    /// connection on which nothing can be sent is closed.
    pub write_timeout: HumanDuration,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            auth: Auth::None,
            jwt: Vec::new(),
            tls: Tls::default(),
            max_message_size: 4 << 20,
            address_limit: None,
            max_connections: 10_000,
            max_streams_per_connection: 1_000,
            max_watches: 100_000,
            max_batches: 1_000,
            caller_share: 80,
            answer_timeout: HumanDuration::from_secs(60),
            keepalive_interval: HumanDuration::from_secs(60),
            keepalive_timeout: HumanDuration::from_secs(20),
            idle_timeout: HumanDuration::from_secs(5 * 60),
            write_timeout: HumanDuration::from_secs(30),
        }
    }
}

/// An issuer of JWTs, such as an identity provider or a Kubernetes cluster. Callers whose entry names it (`callers.jwt`) send
/// its tokens as `Authorization: Bearer`: signed by RS256, RS384, RS512, ES256, ES384 or EdDSA, with an `exp`; clocks may differ by 60 s.
/// Reloaded on SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Jwt {
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// What its tokens say in `aud` that are for this server.
    pub audience: String,
    /// Its public keys, a JWK Set (RFC 7517): a file, or an `https` URL (`http` on loopback). A file is read at start and on
    /// reload; a URL at start, in the middle of the time for which its answer may be kept (`Cache-Control: max-age`; an hour
    /// where it says nothing), and when a token names another key, 6 times a minute at most. Until keys are there the
    /// issuer's tokens get UNAVAILABLE; those that cannot be read again are used for a day.
    pub jwks: String,
    /// A file with the certificates (PEM) of the URL's CA; those that the machine trusts where left out.
    pub jwks_ca: Option<PathBuf>,
    /// A file with a token that the URL asks for, as Kubernetes does. It is read each time.
    pub jwks_token_file: Option<PathBuf>,
}

/// How callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Nobody is asked who they are, which is why it is for loopback addresses only.
    None,
    /// By their entries in `[[callers]]`: whoever has none is refused. Health alone is told to everybody.
    Callers,
}
