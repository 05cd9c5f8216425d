//! Checks of every target in the workspace: library, programs, tests, benchmarks, build scripts.

use std::{fs, process::Command};

use serde_json::Value;

#[test]
fn every_target_forbids_unsafe_code() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let targets = packages.iter().flat_map(|package| package["targets"].as_array().expect("a list"));
    let sources: Vec<_> = targets.map(|target| target["src_path"].as_str().expect("a path")).collect();
    assert!(sources.len() >= 10, "{sources:?}");
    for source in sources {
        let text = fs::read_to_string(source).expect("readable");
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{source}: forbid it, or say here why not");
    }
}
