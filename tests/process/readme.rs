//! The README's own calls, pasted as they stand: only the address differs.

use std::{fs, process::Command};

use crate::support::server_process::Program;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const ADDRESS: &str = "127.0.0.1:50051";

/// The fenced blocks of shell that call grpcurl.
fn grpcurl_blocks() -> Vec<String> {
    let text = fs::read_to_string(README).expect("readable");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block.to_owned()).filter(|block| block.contains("grpcurl")).collect()
}

#[test]
fn the_calls_of_the_readme_work_as_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let blocks = grpcurl_blocks();
    assert!(blocks.len() >= 3, "the README has its first calls");
    for block in blocks {
        let script = block.replace(ADDRESS, &server.grpc.to_string());
        let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\nin\n{block}");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.contains("AFTMM") || answer.contains("STATE_EXPIRED"), "{answer}\nin\n{block}");
    }
}
