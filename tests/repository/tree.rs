//! A copy of part of the repository, for tests of its tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// The copied tree.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// Copies these files and folders only.
    pub fn with(paths: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for path in paths {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &folder.path().join(path));
        }
        Self { folder }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Returns the text of a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).expect("readable")
    }

    /// Replaces a text. Panics if it is missing.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(self.path(file), text.replacen(from, to, 1)).expect("writes");
    }

    /// Prepares a program to run in the tree.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        command
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("readable") {
            let name = entry.expect("readable").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().expect("is in a folder")).expect("a folder");
        fs::copy(from, to).expect("copies");
    }
}

/// Returns whether a program succeeded, and its output.
pub fn outcome(mut command: Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().expect("runs");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}
