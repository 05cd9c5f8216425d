//! Tests of the `local-cluster` program, which starts a cluster for manual tests.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::eventually;

/// A running program, and the lines that it printed first.
struct Program {
    child: Child,
    lines: Vec<String>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines =
            BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("readable"));
        let lines = lines.take_while(|line| !line.starts_with("Ctrl-C")).collect();
        Self { child, lines }
    }

    /// Returns the addresses of the nodes.
    fn nodes(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line.strip_prefix("  redis://")).collect()
    }

    /// Sends SIGTERM. Returns whether the program exits with success.
    fn terminate(mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("runs");
        self.child.wait().expect("ends").success()
    }
}

#[test]
fn a_local_cluster_serves_until_its_program_exits() {
    let program = Program::start(&["--replicas", "0"]);
    let nodes: Vec<_> = program.nodes().into_iter().map(str::to_owned).collect();
    assert_eq!(nodes.len(), 3);
    let urls = nodes.iter().map(|node| format!("redis://{node}")).collect::<Vec<_>>().join(",");
    let configured = program.lines.iter().filter(|line| line.trim() == format!("url = \"{urls}\""));
    assert_eq!(configured.count(), 2);
    assert!(nodes.iter().all(|node| TcpStream::connect(node).is_ok()));
    assert!(program.terminate());
    assert!(nodes.iter().all(|node| TcpStream::connect(node).is_err()));
}

#[test]
fn two_replicas_are_started_with_their_configuration_and_drained() {
    let folder = tempfile::tempdir().expect("a folder");
    let passbridge = folder.path().join("passbridge");
    let record = folder.path().join("record");
    let text = format!(
        r#"#!/bin/sh
trap 'echo drains >> {record}; exit 0' TERM
[ -f "$3" ] && echo "$1 $2" >> {record}
while :; do sleep 0.01; done
"#,
        record = record.display()
    );
    fs::write(&passbridge, text).expect("written");
    fs::set_permissions(&passbridge, fs::Permissions::from_mode(0o700)).expect("set");
    let program = Program::start(&["--replicas", "0", "--passbridge", passbridge.to_str().expect("UTF-8")]);
    let count =
        |what| fs::read_to_string(&record).unwrap_or_default().lines().filter(|&line| line == what).count();
    eventually(|| count("serve --config") == 2);
    assert!(program.terminate());
    assert_eq!(count("drains"), 2);
}
