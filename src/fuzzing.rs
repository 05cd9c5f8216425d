//! Fuzzing: for each parser that input of others reaches, one target that reads any bytes and asserts what must hold of
//! what comes out. Each layer has a table of its own beside its parsers; `TARGETS` has them all.
//!
//! One more target is one more row of a table, `fuzz/fuzz_targets/NAME.rs` with its `[[bin]]`, and a folder
//! `fuzz/corpus/NAME` with samples. The tests here replay every corpus, and fail where one of these is missing.

mod credential;
mod device;
mod stored_record;

#[cfg(test)]
mod tests;

pub(crate) use device::check_device_info;

/// A parser under test: its name, and what reads the input and panics where something does not hold.
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

/// Gives `input` to the target with this name.
///
/// # Panics
/// Where the target finds something, and where there is none with this name.
pub fn run(name: &str, input: &[u8]) {
    let target = targets().find(|(known, _)| *known == name);
    let Some((_, target)) = target else { panic!("there is no target {name}") };
    target(input);
}

/// The parts of an input for targets that need several: what stands before the first zero byte, and what behind it.
pub(crate) fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// An input as header lines: one a line, without those that no HTTP library lets through.
pub(crate) fn headers(name: http::HeaderName, input: &[u8]) -> http::HeaderMap {
    let lines = input.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| http::HeaderValue::from_bytes(line).ok());
    values.take(64).map(|value| (name.clone(), value)).collect()
}
