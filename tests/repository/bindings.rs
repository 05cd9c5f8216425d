//! The committed bindings, which the build maintains. The tests run the build script in a copy of the tree.

use std::{collections::BTreeSet, fs};

use crate::tree::{Tree, outcome};

const WARNING: &str = "clients/go/passbridge/v1/warning.pb.go";
const SERVICE: &str = "clients/go/passbridge/v1/temp_pass_service_grpc.pb.go";
const FORMER: &str = "clients/go/passbridge/v1/former.pb.go";

/// The inputs of the bindings, and the bindings.
fn tree() -> Tree {
    Tree::with(&[
        "proto",
        "third_party/proto",
        "clients/go/go.mod",
        "clients/go/go.sum",
        "clients/go/tools",
        "clients/go/passbridge/v1",
    ])
}

/// Runs the build script with this value of the variable.
fn build(tree: &Tree, asked: Option<&str>) -> (bool, String) {
    let out = tempfile::tempdir().expect("a folder");
    let mut command = tree.command(env!("PASSBRIDGE_BUILD_SCRIPT"));
    command.env("OUT_DIR", out.path()).env_remove("PASSBRIDGE_BINDINGS");
    command.envs(asked.map(|asked| ("PASSBRIDGE_BINDINGS", asked)));
    outcome(command)
}

#[test]
fn the_committed_bindings_match_the_protos() {
    let (is_fine, output) = build(&tree(), Some("check"));
    assert!(is_fine, "{output}");
}

#[test]
fn a_checking_build_names_the_bindings_of_an_edited_proto_and_the_command_that_writes_them() {
    let tree = tree();
    tree.edit("proto/passbridge/v1/warning.proto", "string message = 3;", "string text = 3;");
    fs::remove_file(tree.path(SERVICE)).expect("removes");
    fs::write(tree.path(FORMER), "package passbridgev1\n").expect("writes");

    let (is_fine, output) = build(&tree, Some("check"));
    assert!(!is_fine, "{output}");
    let named: BTreeSet<_> = output.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let differences =
        [format!("{WARNING}: differs"), format!("{SERVICE}: is missing"), format!("{FORMER}: is left over")];
    assert_eq!(named, differences.iter().map(String::as_str).collect(), "{output}");
    assert!(output.contains("PASSBRIDGE_BINDINGS=write cargo build"), "{output}");
    assert!(!tree.path(SERVICE).exists(), "a check writes nothing");

    let (is_fine, output) = build(&tree, Some("write"));
    assert!(is_fine, "{output}");
    assert!(tree.read(WARNING).contains("func (x *Warning) GetText() string"), "{WARNING}");
    assert!(tree.path(SERVICE).exists() && !tree.path(FORMER).exists());
    let (is_fine, output) = build(&tree, Some("check"));
    assert!(is_fine, "{output}");
}

#[test]
fn an_unknown_bindings_mode_lists_the_valid_ones() {
    let (is_fine, output) = build(&tree(), Some("yes"));
    assert!(!is_fine, "{output}");
    let expected = "PASSBRIDGE_BINDINGS must be \"write\" or \"check\", or unset, but is \"yes\"";
    assert!(output.lines().any(|line| line == expected), "{output}");
}

#[test]
fn a_default_build_needs_no_tools_of_other_languages() {
    let tree = tree();
    fs::remove_dir_all(tree.path("clients")).expect("removes");
    let (is_fine, output) = build(&tree, None);
    assert!(is_fine, "{output}");
}

#[test]
fn a_failing_plugin_is_named_with_its_output() {
    let tree = tree();
    tree.edit("clients/go/tools/go.mod", "google.golang.org/protobuf/cmd/protoc-gen-go\n", "nowhere\n");
    let (is_fine, output) = build(&tree, Some("check"));
    assert!(!is_fine, "{output}");
    for part in
        ["go tool -modfile=tools/go.mod protoc-gen-go, in clients/go: ", "exit status", "protoc-gen-go"]
    {
        assert!(output.contains(part), "{part}: {output}");
    }
}
