//! The compatibility check of the protos against the committed image of the last release.

use crate::tree::{Tree, outcome};

fn tree() -> Tree {
    Tree::with(&["buf.yaml", "proto", "third_party/proto", "tests/breaking"])
}

fn breaking(tree: &Tree) -> (bool, String) {
    outcome(tree.command("tests/breaking"))
}

#[test]
fn each_breaking_change_since_the_last_release_is_rejected() {
    let tree = tree();
    let changes = [
        // Removes a field, renumbers another, and changes the type of a third.
        ("warning", "  string field = 1;\n", "", "\"field\""),
        ("warning", "string message = 3;", "string message = 4;", "\"3\" with name \"message\""),
        ("device_info", "optional string model = 2;", "optional bytes model = 2;", "\"model\""),
        // Code generated from the former protos does not compile with the new ones.
        (
            "hash_algorithm",
            "HASH_ALGORITHM_SHA512 = 2;",
            "HASH_ALGORITHM_SHA_512 = 2;",
            "HASH_ALGORITHM_SHA512",
        ),
        ("probable_causes", ";passbridgev1\"", ";pb\"", "go_package"),
        ("error_reason", "io.passbridge.v1", "io.passbridge", "java_package"),
        ("temp_pass_service", "rpc GetTempPass(", "rpc ReadTempPass(", "\"GetTempPass\""),
    ];
    for (file, from, to, _) in changes {
        tree.edit(&format!("proto/passbridge/v1/{file}.proto"), from, to);
    }
    let (is_fine, output) = breaking(&tree);
    assert!(!is_fine, "{output}");
    for (file, _, to, named) in changes {
        let is_reported = |line: &str| line.contains(&format!("{file}.proto:")) && line.contains(named);
        assert!(output.lines().any(is_reported), "{file}: {to:?} is not reported in:\n{output}");
    }
}

#[test]
fn additions_and_comments_are_compatible() {
    let tree = tree();
    let warning = "proto/passbridge/v1/warning.proto";
    tree.edit(
        warning,
        "string message = 3;",
        "// One more sentence.\n  string message = 3;\n\n  // A new field.\n  string since = 4;",
    );
    tree.edit(
        "proto/passbridge/v1/hash_algorithm.proto",
        "HASH_ALGORITHM_SHA512 = 2;",
        "HASH_ALGORITHM_SHA512 = 2;\n\n  // SHA-384.\n  HASH_ALGORITHM_SHA384 = 3;",
    );
    tree.edit(
        "proto/passbridge/v1/temp_pass_service.proto",
        "  rpc GetTempPass(",
        "  rpc PeekTempPass(GetTempPassRequest) returns (GetTempPassResponse);\n\n  rpc GetTempPass(",
    );
    let (is_fine, output) = breaking(&tree);
    assert!(is_fine, "{output}");
}

#[test]
fn the_compatibility_check_fails_without_a_released_image() {
    let tree = tree();
    std::fs::remove_dir_all(tree.path("proto/released")).expect("removes");
    let (is_fine, output) = breaking(&tree);
    assert!(!is_fine, "{output}");
}
