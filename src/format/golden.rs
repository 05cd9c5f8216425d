//! Golden fixtures: an encoded sample of every format version, in `tests/golden/formats/NAME.vVERSION.hex` (`.txt` for text
//! formats). A test fails if the current sample is encoded differently, or if a sample of an earlier version cannot be read.
//!
//! `PASSBRIDGE_WRITE_FORMATS=1 cargo test --lib pinned` writes the fixtures of the current versions. Replace a fixture only
//! before its version is released. After that, a change requires a new version.

use std::{
    env,
    fmt::{Debug, Display},
    fs,
    path::PathBuf,
};

/// The environment variable that makes the tests write the fixtures.
const WRITE: &str = "PASSBRIDGE_WRITE_FORMATS";

/// Bytes per line of a fixture.
const LINE: usize = 32;

/// Checks that the encoded sample equals the fixture `name` of this version, and that the fixtures of all versions up to it
/// can be decoded.
pub(crate) fn check<T: Debug + PartialEq, E: Display>(
    name: &str,
    version: u8,
    encoded: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    sample: &T,
) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/formats"));
    let fixture = |version| folder.join(format!("{name}.v{version}.hex"));
    if env::var_os(WRITE).is_some() {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(fixture(version), hex(encoded)).expect("a fixture");
    }
    let fixtures: Vec<_> = (1..=version)
        .map(|version| fs::read_to_string(fixture(version)).expect("a fixture of each version"))
        .collect();
    let readable = |text: &String| {
        decode(&bytes(text)).unwrap_or_else(|error| panic!("{name}: cannot decode a fixture: {error}"))
    };
    let decoded: Vec<T> = fixtures.iter().map(readable).collect();
    assert_eq!(decoded.last(), Some(sample), "{name} v{version}");
    assert_eq!(
        Some(&hex(encoded)),
        fixtures.last(),
        "the encoding of {name} v{version} has changed: add a new version"
    );
}

/// Checks that a text equals its fixture, `tests/golden/formats/NAME.vVERSION.txt`.
pub(crate) fn check_text(name: &str, version: u32, text: &str) {
    let fixture = format!("{}/tests/golden/formats/{name}.v{version}.txt", env!("CARGO_MANIFEST_DIR"));
    if env::var_os(WRITE).is_some() {
        fs::write(&fixture, text).expect("a fixture");
    }
    let pinned = fs::read_to_string(&fixture).expect("a fixture of each version");
    assert_eq!(text, pinned, "the text of {name} v{version} has changed: add a new version");
}

/// Formats bytes as lines of hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    bytes.chunks(LINE).map(line).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte");
    digits.chunks(2).map(byte).collect()
}
