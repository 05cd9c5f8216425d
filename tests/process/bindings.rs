//! The page about bindings in other languages: its commands run, and its example entry matches the build.

use std::{fs, path::Path};

use crate::{
    document::{blocks, run},
    support::server_process::Program,
};

const DOCUMENT: &str = "docs/bindings.md";

/// Returns the blocks in this language.
fn fenced(language: &str) -> Vec<String> {
    blocks(DOCUMENT).into_iter().filter(|block| block.language == language).map(|block| block.text).collect()
}

#[test]
fn bindings_generated_from_a_released_image_or_by_reflection_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/proto"), folder.path().join("proto"))
        .expect("links");
    let [image, reflection] = &fenced("sh")[..] else { panic!("{DOCUMENT} has two blocks of commands") };
    for (block, what) in [(image, "the image"), (reflection, "reflection")] {
        let _ = fs::remove_dir_all(folder.path().join("generated"));
        // Downloads are cached between runs.
        let script = format!("export npm_config_prefer_offline=true\n{block}")
            .replace("127.0.0.1:50051", &server.grpc.to_string());
        let said = run(folder.path(), &script);
        let code = said.trim_end().rsplit_once("made ").map_or("", |(_, code)| code);
        assert_eq!(code.len(), 7, "{what}: {said}");
    }
}

#[test]
fn the_documented_language_entries_match_the_build() {
    let build = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("build/bindings.rs"));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let [entry] = &fenced("rust")[..] else { panic!("{DOCUMENT} has one entry") };
    assert!(words(&build.expect("readable")).contains(&words(entry)), "{entry} is not in build/bindings.rs");
}
