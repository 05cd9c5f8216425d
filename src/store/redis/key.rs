//! The layout of keys.
//!
//! All keys start with `pb:`, so that an engine can be shared with other applications. Keys that one script changes together have
//! the same hash tag (the part between braces), and therefore the same slot of a cluster. Data that grows has a tag per item, so
//! codes and trials spread over all slots.
//!
//! | key | value |
//! |---|---|
//! | `pb:c:{environment/requestor/code}` | a code's record ([`super::code_value`]) |
//! | `pb:w:{environment/requestor/code}` | the channel for changes of the code |
//! | `pb:n:{environment}` | the number of live codes in the environment, by the second of their expiry |
//! | `pb:environments` | the names of environments with a count |
//! | `pb:l:{kind}:name`, `pb:l:kind:name` | a ledger entry; the second form is for kinds with many entries |
//! | `pb:k:{kind}` | the channel for changes of a kind |
//! | `pb:g:{environment/requestor/mvpd}` | the generation of a TempPass |
//! | `pb:d:environment/requestor/mvpd:{device}` | a device's cell ([`super::cell`]): its trial, or a reference to it |
//! | `pb:u:environment/requestor/mvpd:{user}` | a generic key's cell: a reference to its trial |
//! | `pb:x:cell` | the lock on a cell |
//! | `pb:o:{…}:change` | the outcome of a change of several cells |
//! | `pb:b:{limit}` | the bucket of a rate limit |
//! | `pb:audit` | the audit log's stream |
//!
//! Devices and generic keys appear in keys as digests ([`HolderDigest`]).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::domain::{
    error::StoreError,
    id::{EnvironmentName, MvpdId, RequestorId},
    ledger_kind::LedgerKind,
    limit::LimitKey,
    port::{LedgerKey, StoreResult},
    registration_code::CodeKey,
    temp_pass::{Holder, HolderDigest, TempPassKey},
};

/// The names of environments that have a count of live codes.
pub(super) const ENVIRONMENTS: &[u8] = b"pb:environments";

/// The audit log's stream.
pub(super) const AUDIT: &[u8] = b"pb:audit";

/// The prefix of the keys of all codes.
pub(super) const CODES: &str = "pb:c:";

/// The prefix of the keys of all devices' cells.
pub(super) const DEVICES: &str = "pb:d:";

/// The prefix of the keys of all generic keys' cells.
pub(super) const USERS: &str = "pb:u:";

/// The prefix of the keys of all locks on cells.
pub(super) const LOCKS: &str = "pb:x:";

/// The kinds of ledger entries that are too numerous for one slot. Their changes are not signaled.
const SPREAD_KINDS: [LedgerKind; 9] = [
    LedgerKind::RequestId,
    LedgerKind::RequestNonce,
    LedgerKind::RelayedToken,
    LedgerKind::UpstreamLease,
    LedgerKind::DeviceCredentials,
    LedgerKind::DeviceToken,
    LedgerKind::Device,
    LedgerKind::DeviceCode,
    LedgerKind::DeviceRequestor,
];

/// A key or the name of a channel.
pub(super) type RedisKey = Vec<u8>;

/// A code's key and its channel.
pub(super) fn code(key: &CodeKey) -> [RedisKey; 2] {
    let CodeKey { environment, requestor, code } = key;
    let tag = format!("{{{}/{}/{}}}", environment.as_str(), requestor.as_str(), code.as_str());
    [format!("{CODES}{tag}"), format!("pb:w:{tag}")].map(String::into_bytes)
}

/// The count of an environment's live codes.
pub(super) fn live_count(environment: &EnvironmentName) -> RedisKey {
    format!("pb:n:{{{}}}", environment.as_str()).into_bytes()
}

/// Whether entries of this kind are spread over all slots.
pub(super) fn is_spread(kind: LedgerKind) -> bool {
    SPREAD_KINDS.contains(&kind)
}

/// Whether changes to entries of this kind are signaled.
pub(super) fn is_signaled(kind: LedgerKind) -> bool {
    !is_spread(kind)
}

/// The prefix of the keys of all entries of a kind.
pub(super) fn ledger_prefix(kind: LedgerKind) -> String {
    if is_signaled(kind) { format!("pb:l:{{{kind}}}:") } else { format!("pb:l:{kind}:") }
}

/// An entry's key.
pub(super) fn ledger(key: &LedgerKey) -> RedisKey {
    [ledger_prefix(key.kind).as_bytes(), &key.name].concat()
}

/// The channel of an entry's kind, if changes of the kind are signaled.
pub(super) fn ledger_channel(key: &LedgerKey) -> Option<RedisKey> {
    is_signaled(key.kind).then(|| kind_channel(key.kind))
}

/// The channel for changes of a kind of entries.
pub(super) fn kind_channel(kind: LedgerKind) -> RedisKey {
    format!("pb:k:{{{kind}}}").into_bytes()
}

/// The generation of a TempPass.
pub(super) fn generation(temp_pass: &TempPassKey) -> RedisKey {
    format!("pb:g:{{{}}}", temp_pass_path(temp_pass)).into_bytes()
}

/// The part that the keys of all cells of a TempPass have in common, after the kind.
pub(super) fn temp_pass_path(temp_pass: &TempPassKey) -> String {
    let TempPassKey { environment, requestor, mvpd } = temp_pass;
    format!("{}/{}/{}", environment.as_str(), requestor.as_str(), mvpd.as_str())
}

/// The key of the cell of a device or a generic key.
pub(super) fn cell(temp_pass: &TempPassKey, holder: &Holder) -> RedisKey {
    let kind = match holder {
        Holder::Device(_) => DEVICES,
        Holder::Key(_) => USERS,
    };
    format!("{kind}{}:{{{}}}", temp_pass_path(temp_pass), holder.digest()).into_bytes()
}

/// The digest of the device or generic key whose cell has this key.
pub(super) fn digest_in_cell(key: &[u8]) -> StoreResult<HolderDigest> {
    let text = std::str::from_utf8(key).ok().and_then(|key| key.strip_suffix('}'));
    let digest = text.and_then(|text| HolderDigest::parse(text.rsplit_once(":{")?.1));
    digest.ok_or_else(corrupt_cell)
}

/// Parses the key of a cell.
pub(super) fn parse_cell(key: &[u8]) -> StoreResult<(TempPassKey, Holder)> {
    let digest = digest_in_cell(key)?;
    let text = std::str::from_utf8(key).map_err(|_| corrupt_cell())?;
    let (rest, holder) = match (text.strip_prefix(DEVICES), text.strip_prefix(USERS)) {
        (Some(rest), _) => (rest, Holder::Device(digest)),
        (None, Some(rest)) => (rest, Holder::Key(digest)),
        (None, None) => return Err(corrupt_cell()),
    };
    let path = rest.split_once(':').ok_or_else(corrupt_cell)?.0;
    let mut parts = path.split('/');
    let mut part = || parts.next().ok_or_else(corrupt_cell);
    let temp_pass = TempPassKey {
        environment: EnvironmentName::parse("environment", part()?).map_err(|_| corrupt_cell())?,
        requestor: RequestorId::parse("requestor", part()?).map_err(|_| corrupt_cell())?,
        mvpd: MvpdId::parse("mvpd", part()?).map_err(|_| corrupt_cell())?,
    };
    Ok((temp_pass, holder))
}

fn corrupt_cell() -> StoreError {
    StoreError::Corrupt("invalid key of a trial's cell".to_owned())
}

/// The key of the lock on a cell.
pub(super) fn lock(cell: &[u8]) -> RedisKey {
    [LOCKS.as_bytes(), cell].concat()
}

/// The key of the outcome of a change. `cell` is its first cell.
pub(super) fn outcome(cell: &[u8], change: &[u8; 16]) -> RedisKey {
    let tag = cell.iter().position(|byte| *byte == b'{').map_or(cell, |start| &cell[start..]);
    [b"pb:o:", tag, b":", URL_SAFE_NO_PAD.encode(change).as_bytes()].concat()
}

/// The key of a limit's bucket. It contains a digest of addresses and names, because these may be personal data.
pub(super) fn bucket(key: &LimitKey) -> RedisKey {
    let (kind, parts) = match key {
        LimitKey::Calls(block) => ("calls", vec![block.to_string()]),
        LimitKey::GrpcCalls(block) => ("grpc_calls", vec![block.to_string()]),
        LimitKey::Creates(block, device) => ("creates", vec![block.to_string(), device.to_string()]),
        LimitKey::AbandonedCreates(None, block) => ("abandoned", vec![block.to_string()]),
        LimitKey::AbandonedCreates(Some(caller), block) => {
            ("abandoned_by", vec![block.to_string(), caller.to_string()])
        }
        LimitKey::MissesOfLine(block) => ("misses_line", vec![block.to_string()]),
        LimitKey::MissesOfSite(block) => ("misses_site", vec![block.to_string()]),
        LimitKey::MissesOfNetwork(block) => ("misses_network", vec![block.to_string()]),
        LimitKey::MissesOfCaller(caller) => ("misses_caller", vec![caller.to_string()]),
        LimitKey::UpstreamCalls(environment, address) => {
            ("upstream", vec![environment.to_string(), address.to_string()])
        }
        LimitKey::KeyReadings(issuer) => ("key_readings", vec![issuer.to_string()]),
        LimitKey::AuditedRefusals => ("audited_refusals", Vec::new()),
    };
    format!("pb:b:{kind}:{{{}}}", digest(parts.join("\0").as_bytes())).into_bytes()
}

/// The first 128 bits of the SHA-256, as 22 characters of base64url.
fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16])
}
