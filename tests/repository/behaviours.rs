//! The client behavior table, which is generated from the clients' tests.

use std::fs;

use crate::tree::{Tree, outcome};

const README: &str = "clients/README.md";

/// Runs the check of the table after the clients' tests have reported these ids.
fn check(tree: &Tree, shown: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for (language, ids) in shown {
        fs::write(folder.path().join(format!("{language}.txt")), ids).expect("writes");
    }
    let mut command = tree.command("tests/behaviours");
    command.args(arguments).env("PASSBRIDGE_BEHAVIOURS", folder.path());
    outcome(command)
}

fn tree() -> Tree {
    Tree::with(&[README, "clients/behaviours.txt", "tests/behaviours"])
}

#[test]
fn the_client_behavior_table_matches_the_test_results() {
    let tree = tree();
    let shown = [("go", "read\ncreate\nread\n"), ("java", "create\n")];
    let (is_fine, output) = check(&tree, &shown, &["--write"]);
    assert!(is_fine, "{output}");
    let table = tree.read(README);
    for row in [
        "| behavior | Go | Kotlin | Java |",
        "| A code is created with device information, which is returned normalized. | ✓ |   | ✓ |",
        "| A code is read; an unknown code is not found. | ✓ |   |   |",
        "| A client is authenticated by its token. |   |   |   |",
    ] {
        assert!(table.lines().any(|line| line == row), "{row} is not in:\n{table}");
    }
    let (is_fine, output) = check(&tree, &shown, &[]);
    assert!(is_fine, "{output}");
    let (is_fine, output) = check(&tree, &[("go", "create\n"), ("java", "create\n")], &[]);
    assert!(!is_fine && output.contains("-| A code is read;"), "{output}");
}

#[test]
fn unlisted_behaviors_are_rejected_by_id() {
    let tree = tree();
    let (is_fine, output) = check(&tree, &[("kotlin", "create\nfly\n")], &["--write"]);
    assert!(!is_fine && output.contains("kotlin.txt: fly is not in clients/behaviours.txt"), "{output}");
}

#[test]
fn an_unterminated_table_is_not_written() {
    let tree = tree();
    tree.edit(README, "<!-- end of behaviours -->\n", "");
    let before = tree.read(README);
    let (is_fine, output) = check(&tree, &[("go", "create\n")], &["--write"]);
    assert!(
        !is_fine && output.contains("clients/README.md has no line <!-- end of behaviours -->"),
        "{output}"
    );
    assert_eq!(tree.read(README), before);
}
