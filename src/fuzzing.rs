//! Fuzzing: each parser of untrusted input has a target, which reads arbitrary bytes and asserts invariants
//! of the result. Each layer has a table of targets beside its parsers; `TARGETS` has all of them.
//!
//! To add a target, add a row to a table, `fuzz/fuzz_targets/NAME.rs` with its `[[bin]]`, and a folder
//! `fuzz/corpus/NAME` with samples. The tests here replay every corpus, and fail if one of these is missing.

mod credential;
mod device;
mod stored_record;

#[cfg(test)]
mod tests;

pub(crate) use device::check_device_info;

/// A fuzz target: its name, and a function that reads the input and panics if an invariant is violated.
pub(crate) type FuzzTarget = (&'static str, fn(&[u8]));

const TARGETS: [&[FuzzTarget]; 8] = [
    device::TARGETS,
    credential::TARGETS,
    stored_record::TARGETS,
    crate::config::fuzzing::TARGETS,
    crate::grpc::fuzzing::TARGETS,
    crate::rest::fuzzing::TARGETS,
    crate::service::client_registration::fuzzing::TARGETS,
    crate::store::embedded::fuzzing::TARGETS,
];

fn targets() -> impl Iterator<Item = FuzzTarget> {
    TARGETS.into_iter().flatten().copied()
}

/// Runs the target with this name on `input`.
///
/// # Panics
/// If the target finds a violation, or if there is no target with this name.
pub fn run(name: &str, input: &[u8]) {
    let target = targets().find(|(known, _)| *known == name);
    let Some((_, target)) = target else { panic!("there is no target {name}") };
    target(input);
}

/// Splits an input for targets that need two parts, at the first zero byte.
pub(crate) fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Splits an input into header lines, without those that every HTTP library rejects.
pub(crate) fn headers(name: http::HeaderName, input: &[u8]) -> http::HeaderMap {
    let lines = input.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| http::HeaderValue::from_bytes(line).ok());
    values.take(64).map(|value| (name.clone(), value)).collect()
}
