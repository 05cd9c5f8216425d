//! The repository's documents as tests read them: their fenced blocks, and what these print when they are pasted.

use std::{fs, path::Path, process::Command};

/// A fenced block.
pub struct Block {
    /// What stands behind the fence, such as `sh`.
    pub language: String,
    pub text: String,
}

/// The fenced blocks of a document of the repository, such as `README.md`.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).expect("readable");
    // Fences come in pairs, so that what stands within them is every other part.
    let within = text.split("\n```").skip(1).step_by(2);
    let block = |part: &str| {
        let (language, text) = part.split_once('\n').expect("a line behind the fence");
        Block { language: language.to_owned(), text: format!("{text}\n") }
    };
    within.map(block).collect()
}

/// What a script prints, which must succeed.
#[track_caller]
pub fn run(folder: &Path, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\nin\n{script}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
