//! `[[callers]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A caller of gRPC where `grpc.auth = "callers"`: what it is known by, and what it may do, which is requestors ×
/// environments × permissions. DeviceInfoService and reflection are for every caller. Reloaded on SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallerEntry {
    /// The name by which the audit log and budgets know it. Two entries of one name are one caller, which may show either of
    /// two proofs: so that a token can be replaced without a gap.
    pub name: String,
    /// A name in the subjectAltName of the caller's certificate: a DNS name (`player.example.com`), a URI
    /// (`spiffe://example.com/player`; it has a colon), or an e-mail address (it has an `@` and no colon). It is compared as a
    /// whole: no wildcards, and upper and lower case differ only behind a URI's host and before that of an e-mail address. It
    /// needs `grpc.tls.client_ca`. An entry has either this or another proof.
    pub san: Option<String>,
    /// The SHA-256, in lower-case hexadecimal digits, of a token that the caller sends as `Authorization: Bearer`;
    /// `passbridge caller new` makes one.
    pub token_hash: Option<String>,
    /// Whom an issuer's tokens mean that are this caller's: `{ issuer = "…", subject = "…" }`.
    pub jwt: Option<JwtSubject>,
    /// The requestors that it may act for; empty means all of them.
    pub requestors: Vec<String>,
    /// The environments that it may act in; empty means all of them.
    pub environments: Vec<String>,
    /// What it may do: `codes.create`, `codes.read`, `codes.delete`, `temp_passes.authorize`, `temp_passes.read`,
    /// `temp_passes.reset`, `temp_passes.reset_all`, `entitlements.login`, `entitlements.read`, `entitlements.authorize`,
    /// `entitlements.logout`. Empty means none of these.
    pub permissions: Vec<String>,
}

/// Whom an issuer's tokens mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JwtSubject {
    /// What the tokens say in `iss`: the issuer of one of `[[grpc.jwt]]`.
    pub issuer: String,
    /// What the tokens say in `sub`. A part between colons that is `*` stands for any:
    /// `system:serviceaccount:*:player`. An entry without `*` goes before one with.
    pub subject: String,
}
