//! A shell into which commands are pasted, one block after the other: variables and functions stay.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use super::answer::Outcome;

/// How long one block may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The variables that commands get of this process's own.
const INHERITED: [&str; 4] = ["HOME", "LANG", "PATH", "TMPDIR"];

/// A running `bash`.
pub struct Shell {
    process: Child,
    input: ChildStdin,
    /// The exit status of each block.
    statuses: Receiver<String>,
    folder: PathBuf,
}

impl Shell {
    /// A shell in this folder, with these folders before all others in its `PATH`.
    pub fn start(folder: &Path, programs: &Path) -> Self {
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
        let mut process = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs(inherited)
            // What was downloaded once is not asked for again.
            .env("npm_config_prefer_offline", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let (say, statuses) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let input = process.stdin.take().expect("piped");
        let mut shell = Self { process, input, statuses, folder: folder.to_owned() };
        // A command that fails in the middle of a block counts, unless the block itself looks at its status.
        let setup = format!("PATH={}:$PATH; set -uE -o pipefail; trap 'failed=1' ERR", programs.display());
        shell.send(&setup);
        shell
    }

    /// Sets a variable for the programs that later blocks start.
    pub fn export(&mut self, name: &str, value: &str) {
        self.send(&format!("export {name}={value}"));
    }

    /// Pastes a block, and waits until all of its commands have ended.
    pub fn run(&mut self, block: &str) -> Outcome {
        let file = |name: &str| self.folder.join(name);
        let (script, output, error) = (file(".block.sh"), file(".output"), file(".error"));
        fs::write(&script, block).expect("writes");
        // Its commands must not read what is sent to the shell.
        self.send("failed=; . ./.block.sh </dev/null >.output 2>.error; echo \"ended$failed\"");
        let status = self.statuses.recv_timeout(PATIENCE);
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let mut outcome = Outcome {
            is_success: status.as_deref() == Ok("ended"),
            output: read(&output),
            error: read(&error),
        };
        if status.is_err() {
            outcome.error.push_str("\nthe shell ended in this block, or the block did not end\n");
        }
        outcome
    }

    fn send(&mut self, line: &str) {
        // A shell that has ended is noticed by its status, which does not come.
        let _ = writeln!(self.input, "{line}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
