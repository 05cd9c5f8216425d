//! Golden files, one per device: its input and its normalized form.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{DeviceInfo, NormalizedDeviceInfo, Normalizer, ObservedConnection},
    decode_json,
};
use crate::domain::address::Address;

#[derive(Deserialize)]
struct GoldenCase {
    about: String,
    device_info: Option<Value>,
    user_agent: Option<String>,
    ip: Option<Address>,
    port: Option<u16>,
    normalized: Value,
}

impl GoldenCase {
    fn normalize(&self, normalizer: &Normalizer) -> NormalizedDeviceInfo {
        let info: Option<DeviceInfo> = self.device_info.as_ref().map(|info| {
            let (info, _) = decode_json(&info.to_string()).expect("valid device information");
            info
        });
        let connection =
            ObservedConnection { user_agent: self.user_agent.as_deref(), ip: self.ip, port: self.port };
        normalizer.normalize(info.as_ref(), &connection)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/device_info"))
}

fn cases() -> Vec<(String, GoldenCase)> {
    let entries =
        fs::read_dir(folder()).expect("the golden files").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a golden file");
        let case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.display().to_string(), case)
    };
    files.map(read).collect()
}

#[test]
fn normalized_devices_match_the_golden_files() {
    let normalizer = Normalizer::new();
    let cases = cases();
    assert!(cases.len() >= 13, "only {} golden files", cases.len());
    for (file, case) in cases {
        let actual = serde_json::to_value(case.normalize(&normalizer)).expect("JSON");
        let pretty = |value| serde_json::to_string_pretty(value).expect("JSON");
        assert_eq!(pretty(&actual), pretty(&case.normalized), "{file}: {}", case.about);
    }
}

#[test]
fn the_sample_is_reproduced_byte_for_byte() {
    let sample = fs::read_to_string(folder().join("sample.normalized")).expect("the sample");
    let normalizer = Normalizer::new();
    let (samples, _): (Vec<_>, Vec<_>) =
        cases().into_iter().partition(|(file, _)| file.contains("fire_tv_sample"));
    assert_eq!(samples.len(), 2);
    for (file, case) in samples {
        assert_eq!(case.normalize(&normalizer).to_json(), sample.trim_end(), "{file}");
    }
}

#[test]
fn normalized_forms_round_trip_through_json() {
    let normalizer = Normalizer::new();
    for (file, case) in cases() {
        let normalized = case.normalize(&normalizer);
        let json: NormalizedDeviceInfo = serde_json::from_str(&normalized.to_json()).expect("JSON");
        assert_eq!(json, normalized, "{file}");
    }
}
