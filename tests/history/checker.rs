//! The checker: a Go program beside these tests, because the known checker for recorded histories is a Go library.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What the checker said of a history.
#[derive(Debug)]
pub struct Verdict {
    /// 0 where it is linearizable, 1 where it is not; the program's documentation has the others.
    pub status: Option<i32>,
    pub said: String,
}

/// Where histories, pictures of them and the checker are kept, for people to look at.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Checks the history in a file.
pub fn check(history: &Path, options: &[&str]) -> Verdict {
    let mut command = Command::new(program());
    let output = command.args(options).arg("-pictures").arg(folder()).arg(history).output().expect("runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Verdict { status: output.status.code(), said }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = folder().join("check");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history/check");
        let built =
            Command::new("go").arg("build").arg("-o").arg(&program).arg(".").current_dir(source).output();
        let built = built.expect("these tests need Go, which builds their checker");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    })
}
