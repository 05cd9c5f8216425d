//! `[grpc]`

use std::{net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AddressLimit, HumanDuration, Tls};

/// The gRPC listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Grpc {
    /// The address and port to listen on. Any address other than loopback requires `auth = "callers"` and
    /// `tls`.
    pub listen: SocketAddr,
    /// How callers authenticate.
    pub auth: Auth,
    /// The issuers whose JWTs are accepted from callers.
    pub jwt: Vec<Jwt>,
    /// TLS of this listener.
    pub tls: Tls,
    /// The maximum size of a request message, in bytes: 1 to 1073741824. A larger one fails with
    /// RESOURCE_EXHAUSTED.
    pub max_message_size: usize,
    /// The rate limit of one client address (an IPv4 address, or an IPv6 /64), over all methods:
    /// `{ per_second = 50, burst = 200 }`. Calls above it fail with RESOURCE_EXHAUSTED. If not set, there is no
    /// limit, which suits callers behind one proxy.
    pub address_limit: Option<AddressLimit>,
    /// The maximum number of open connections: 1 to 100000000. Further connections wait to be accepted.
    pub max_connections: usize,
    /// The maximum number of concurrent calls and watches on one connection (HTTP/2 concurrent streams): 1 to
    /// 100000000. Clients wait before they open more.
    pub max_streams_per_connection: u32,
    /// The maximum number of concurrent watches, over all connections: 0 to 100000000. One more fails with
    /// RESOURCE_EXHAUSTED.
    pub max_watches: usize,
    /// The maximum number of concurrent batch resets (BatchResetTempPass streams), over all connections: 0 to
    /// 100000000. One more fails with RESOURCE_EXHAUSTED.
    pub max_batches: usize,
    /// With `auth = "callers"`: the share of `max_connections`, `max_watches` and `max_batches` that one
    /// caller may use, in percent: 1 to 100, and at least one of each. Beyond it, calls fail with
    /// RESOURCE_EXHAUSTED. A connection counts for the caller that makes the first call on it; a connection
    /// over the share is closed. Lower it to protect callers from each other.
    pub caller_share: usize,
    /// The time from the start of a call, including its request message, until its response begins: 1 ms to 1
    /// year. It applies whatever the deadline of the call is. A watch continues after its response has begun.
    pub answer_timeout: HumanDuration,
    /// How often an HTTP/2 keepalive ping is sent on an idle connection: 1 s to 1 year.
    pub keepalive_interval: HumanDuration,
    /// How long to wait for the reply to a keepalive ping before the connection is closed: 1 ms to 1 year.
    pub keepalive_timeout: HumanDuration,
    /// How long a connection without calls stays open: 1 s to 1 year. Clients reconnect for their next call.
    pub idle_timeout: HumanDuration,
    /// How long a client may leave sent data unread: 1 ms to 1 year. After that, a response that waits for
    /// the client is reset, and a connection on which nothing can be sent is closed.
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

/// An issuer of JWTs, such as an identity provider or a Kubernetes cluster. A caller whose entry names the
/// issuer (`callers.jwt`) sends a token of it as `Authorization: Bearer`. A token is signed with RS256,
/// RS384, RS512, ES256, ES384 or EdDSA and has an `exp`; a clock skew of 60 s is tolerated. Reloaded on
/// SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Jwt {
    /// The value of the claim `iss` in its tokens.
    pub issuer: String,
    /// The value of the claim `aud` in the tokens that are meant for this server.
    pub audience: String,
    /// The issuer's public keys as a JWK Set (RFC 7517): a file, or an `https` URL (`http` on loopback). A
    /// file is read at startup and on reload. A URL is fetched at startup, at half of the response's cache
    /// lifetime (`Cache-Control: max-age`, one hour without it), and when a token names an unknown key, at
    /// most 6 times per minute. Until the keys are available, the issuer's tokens get UNAVAILABLE. If a fetch
    /// fails, the previous keys stay in use for a day.
    pub jwks: String,
    /// A PEM file with the CA certificates for the URL. If not set: the CAs that the machine trusts.
    pub jwks_ca: Option<PathBuf>,
    /// A file with a bearer token for the URL, as Kubernetes requires. It is read for each fetch.
    pub jwks_token_file: Option<PathBuf>,
}

/// How callers authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// No authentication. Allowed only on a loopback address.
    None,
    /// By the credentials in `[[callers]]`. Calls without a listed credential are refused, except health
    /// checks.
    Callers,
}
