//! A copy of part of the repository, for tests of the repository's own tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// The copy.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// These files and folders, and nothing else.
    pub fn with(paths: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for path in paths {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &folder.path().join(path));
        }
        Self { folder }
    }

    /// Where a file of it is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The text of a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).expect("readable")
    }

    /// Puts a text in the place of another one, which must be there.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(self.path(file), text.replacen(from, to, 1)).expect("writes");
    }

    /// A program that is to be run in it.
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

/// Whether a program succeeded, and all that it said.
pub fn outcome(mut command: Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().expect("runs");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}
