//! The grpcurl cookbook: every command runs in one shell and must print the output that the page shows.

use std::{collections::BTreeSet, path::Path};

use crate::{
    document::run,
    readme::{PRODUCTION, production_server},
    recipe::{self, recipes},
    support::server_process::{Program, ServerProcess},
};

const COOKBOOK: &str = "docs/grpcurl.md";

/// The address of the cookbook's server without TLS.
const PLAIN: &str = "127.0.0.1:50051";

/// Runs the recipes for one server. Each must print the output that the page shows.
#[track_caller]
fn check(folder: &Path, written: &str, server: &ServerProcess) {
    let recipes: Vec<_> =
        recipes(COOKBOOK).into_iter().filter(|recipe| recipe.commands.contains(written)).collect();
    assert!(recipes.len() >= 4, "the cookbook has calls to {written}");
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/proto"), folder.join("proto"))
        .expect("links");
    let address = server.grpc.to_string();
    let recipes: Vec<_> = recipes.into_iter().map(|recipe| recipe.with(&[(written, &address)])).collect();
    recipe::check(&recipes, folder);
}

#[test]
fn every_cookbook_command_prints_the_documented_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    check(folder.path(), PLAIN, &server);
}

#[test]
fn the_cookbook_commands_work_over_tls_with_certificates_and_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = production_server(folder.path());
    check(folder.path(), PRODUCTION, &server);
}

#[test]
fn the_cookbook_has_a_command_for_every_method() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let list = |of: &str| run(folder.path(), &format!("grpcurl -plaintext {} list {of}", server.grpc));
    let called: BTreeSet<_> = recipes(COOKBOOK)
        .iter()
        .flat_map(|recipe| recipe.commands.split_whitespace())
        .filter_map(|word| word.split_once('/'))
        .map(|(service, method)| format!("{service}.{method}"))
        .collect();
    let mut methods = 0;
    for service in list("").lines() {
        for method in list(service).lines() {
            assert!(called.contains(method), "{COOKBOOK} has no command for {method}");
            methods += 1;
        }
    }
    assert!(methods >= 16, "{methods}");
}
