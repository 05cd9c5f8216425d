//! Runs the checker, a Go program in `check/`. It is in Go because porcupine, the library that it uses, is.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The result of checking a history.
#[derive(Debug)]
pub struct Verdict {
    /// The exit status: 0 if the history is linearizable, 1 if it is not; the program's documentation has the others.
    pub status: Option<i32>,
    pub output: String,
}

/// The folder for histories, their diagrams and the checker. It is kept for inspection.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Checks the history in a file.
pub fn check(history: &Path, options: &[&str]) -> Verdict {
    let mut command = Command::new(program());
    let output = command.args(options).arg("-pictures").arg(folder()).arg(history).output().expect("runs");
    let status = output.status.code();
    let output = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Verdict { status, output }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = folder().join("check");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history/check");
        let built =
            Command::new("go").arg("build").arg("-o").arg(&program).arg(".").current_dir(source).output();
        let built = built.expect("Go is installed, which builds the checker");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    })
}
