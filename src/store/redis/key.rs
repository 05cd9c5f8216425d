//! What lies under which key.
//!
//! All keys begin with `pb:`, so that an engine may be shared. What one script changes together has one hash tag (the part
//! between braces), and so one slot of a cluster. Nothing that grows has one tag for many: codes and trials spread over all
//! slots by themselves.
//!
//! | key | value |
//! |---|---|
//! | `pb:c:{environment/requestor/code}` | a code's record ([`super::code_value`]) |
//! | `pb:w:{environment/requestor/code}` | the channel of its changes |
//! | `pb:n:{environment}` | how many codes live there, by the second of their end |
//! | `pb:environments` | the names of those with a count |
//! | `pb:l:{kind}:name`, `pb:l:kind:name` | a ledger entry; the second one of kinds with many entries |
//! | `pb:k:{kind}` | the channel of a kind's changes |
//! | `pb:g:{environment/requestor/mvpd}` | the generation of a TempPass |
//! | `pb:d:environment/requestor/mvpd:{device}` | a device's cell ([`super::cell`]): its trial, or where that is |
//! | `pb:u:environment/requestor/mvpd:{user}` | a generic key's cell: where its trial is |
//! | `pb:x:cell` | the lock on a cell |
//! | `pb:o:{…}:change` | what became of a change of several cells |
//! | `pb:b:{limit}` | a limit's bucket |
//! | `pb:audit` | the audit log's stream |
//!
//! Devices and generic keys stand there as 128 bits of their SHA-256: long and personal as they are, their text is not kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::domain::{
    id::{DeviceId, EnvironmentName},
    limit::LimitKey,
    port::LedgerKey,
    registration::CodeKey,
    temp_pass::{GenericKey, TempPassKey},
};

/// The names of environments that have a count of live codes.
pub(super) const ENVIRONMENTS: &[u8] = b"pb:environments";

/// The audit log's stream.
pub(super) const AUDIT: &[u8] = b"pb:audit";

/// What every code's key begins with.
pub(super) const CODES: &str = "pb:c:";

/// What the key of every device's cell begins with.
pub(super) const DEVICES: &str = "pb:d:";

/// What the key of every generic key's cell begins with.
pub(super) const USERS: &str = "pb:u:";

/// Kinds of ledger entries of which there are so many that they must not lie in one slot. Nobody waits for their changes.
const SPREAD_KINDS: [&str; 3] = ["request_id", "request_nonce", "relayed_token"];

/// A key or the name of a channel.
pub(super) type Key = Vec<u8>;

/// A code's key and its channel.
pub(super) fn code(key: &CodeKey) -> [Key; 2] {
    let CodeKey { environment, requestor, code } = key;
    let tag = format!("{{{}/{}/{}}}", environment.as_str(), requestor.as_str(), code.as_str());
    [format!("{CODES}{tag}"), format!("pb:w:{tag}")].map(String::into_bytes)
}

/// The count of an environment's live codes.
pub(super) fn live_count(environment: &EnvironmentName) -> Key {
    format!("pb:n:{{{}}}", environment.as_str()).into_bytes()
}

/// Whether changes to entries of this kind are signalled.
pub(super) fn is_signalled(kind: &str) -> bool {
    !SPREAD_KINDS.contains(&kind)
}

/// What the keys of all entries of a kind begin with.
pub(super) fn ledger_prefix(kind: &str) -> String {
    if is_signalled(kind) { format!("pb:l:{{{kind}}}:") } else { format!("pb:l:{kind}:") }
}

/// An entry's key.
pub(super) fn ledger(key: &LedgerKey) -> Key {
    [ledger_prefix(key.kind).as_bytes(), &key.name].concat()
}

/// The channel of an entry's kind, where that is signalled.
pub(super) fn ledger_channel(key: &LedgerKey) -> Option<Key> {
    is_signalled(key.kind).then(|| kind_channel(key.kind))
}

/// The channel of a kind of entries.
pub(super) fn kind_channel(kind: &str) -> Key {
    format!("pb:k:{{{kind}}}").into_bytes()
}

/// The generation of a TempPass.
pub(super) fn generation(temp_pass: &TempPassKey) -> Key {
    format!("pb:g:{{{}}}", temp_pass_path(temp_pass)).into_bytes()
}

/// What the keys of all cells of a TempPass begin with, after the kind.
pub(super) fn temp_pass_path(temp_pass: &TempPassKey) -> String {
    let TempPassKey { environment, requestor, mvpd } = temp_pass;
    format!("{}/{}/{}", environment.as_str(), requestor.as_str(), mvpd.as_str())
}

/// The key of a device's cell.
pub(super) fn device(temp_pass: &TempPassKey, device_id: &DeviceId) -> Key {
    home(temp_pass, &digest(device_id.as_str().as_bytes()))
}

/// The key of the cell of a device whose digest is known.
pub(super) fn home(temp_pass: &TempPassKey, digest: &str) -> Key {
    format!("{DEVICES}{}:{{{digest}}}", temp_pass_path(temp_pass)).into_bytes()
}

/// The digest of the device in the key of its cell.
pub(super) fn digest_of_home(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    text.rsplit_once(":{").map_or("", |(_, digest)| digest.trim_end_matches('}')).to_owned()
}

/// The key of a generic key's cell.
pub(super) fn user(temp_pass: &TempPassKey, generic_key: &GenericKey) -> Key {
    let digest = digest(generic_key.as_str().as_bytes());
    format!("{USERS}{}:{{{digest}}}", temp_pass_path(temp_pass)).into_bytes()
}

/// The key of the lock on a cell.
pub(super) fn lock(cell: &[u8]) -> Key {
    [b"pb:x:", cell].concat()
}

/// The key of the outcome of a change whose first cell is this one.
pub(super) fn outcome(cell: &[u8], change: &[u8; 16]) -> Key {
    let tag = cell.iter().position(|byte| *byte == b'{').map_or(cell, |start| &cell[start..]);
    [b"pb:o:", tag, b":", URL_SAFE_NO_PAD.encode(change).as_bytes()].concat()
}

/// The key of a limit's bucket. Addresses and names stand in it as a digest: they may be a person's.
pub(super) fn bucket(key: &LimitKey) -> Key {
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

/// 128 bits of the SHA-256, as 22 characters of base64url.
fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16])
}
