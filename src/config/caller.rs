//! `[[callers]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A caller of the gRPC API if `grpc.auth = "callers"`: its credential and its permissions, which are granted
/// for requestors × environments. Every caller may use DeviceInfoService and reflection. Reloaded on SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallerEntry {
    /// The name of the caller in the audit log and in rate limits. Two entries with the same name are one
    /// caller with two credentials, so that a credential can be replaced without an interruption.
    pub name: String,
    /// A name in the subjectAltName of the caller's certificate: a DNS name (`player.example.com`), a URI
    /// (`spiffe://example.com/player`; it contains a colon), or an e-mail address (it contains an `@` and no
    /// colon). The whole name must match; wildcards are not supported. Case matters only after the host of a
    /// URI and before the `@` of an e-mail address. Requires `grpc.tls.client_ca`. An entry has exactly one
    /// of `san`, `jwt` and `token_hash`.
    pub san: Option<String>,
    /// The SHA-256, in lower-case hexadecimal digits, of a token that the caller sends as
    /// `Authorization: Bearer`. `passbridge caller new` creates a token and prints its hash.
    pub token_hash: Option<String>,
    /// The issuer and subject of the caller's JWTs: `{ issuer = "…", subject = "…" }`.
    pub jwt: Option<JwtSubject>,
    /// The requestors that the caller may act for. Empty means all.
    pub requestors: Vec<String>,
    /// The environments that the caller may act in. Empty means all.
    pub environments: Vec<String>,
    /// The caller's permissions: `codes.create`, `codes.read`, `codes.delete`, `temp_passes.authorize`,
    /// `temp_passes.read`, `temp_passes.reset`, `temp_passes.reset_all`, `entitlements.login`,
    /// `entitlements.read`, `entitlements.authorize`, `entitlements.logout`. Empty means none.
    pub permissions: Vec<String>,
}

/// The issuer and subject of a caller's JWTs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JwtSubject {
    /// The value of the claim `iss`: the `issuer` of an entry of `[[grpc.jwt]]`.
    pub issuer: String,
    /// The value of the claim `sub`. A part between colons can be `*`, which matches any part:
    /// `system:serviceaccount:*:player`. An entry without `*` takes precedence over one with `*`.
    pub subject: String,
}
