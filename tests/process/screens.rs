//! The dialogue of both screens, command by command from `docs/first-and-second-screen.md`.

use std::{fs, path::Path};

use crate::{
    document::blocks,
    recipe::{Recipe, check, recipes},
    support::{
        provider::Provider,
        server_process::{Program, ServerProcess},
    },
};

const DOCUMENT: &str = "docs/first-and-second-screen.md";

/// The addresses of the mock provider and the server in the document.
const PROVIDER: &str = "127.0.0.1:9400";
const REST: &str = "127.0.0.1:8080";

/// The server that the document starts.
fn server(folder: &Path, provider: &str) -> ServerProcess {
    let tables = blocks(DOCUMENT).into_iter().filter(|block| block.language == "toml");
    let [table] = &tables.collect::<Vec<_>>()[..] else { panic!("the document has one table") };
    fs::write(folder.join("screens.toml"), table.text.replace(PROVIDER, provider)).expect("writes");
    fs::write(folder.join("statement.txt"), "any statement will do").expect("writes");
    Program::new(&["serve", "--config", "screens.toml"])
        .in_folder(folder)
        .env("PASSBRIDGE_GRPC__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_REST__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_OPERATIONS__LISTEN", "127.0.0.1:0")
        .env("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
        .env("PASSBRIDGE_LOG__FORMAT", "json")
        .start()
}

#[test]
fn every_command_of_the_dialogue_prints_the_documented_output() {
    let (stand_in, folder) = (Provider::start(), tempfile::tempdir().expect("a folder"));
    let provider = stand_in.address().to_string();
    let server = server(folder.path(), &provider);
    let rest = server.rest.to_string();
    let is_start = |recipe: &Recipe| {
        ["--bin mock-provider", "passbridge serve"].iter().any(|text| recipe.commands.contains(text))
    };
    let (starts, recipes): (Vec<_>, Vec<_>) = recipes(DOCUMENT).into_iter().partition(is_start);
    assert_eq!(starts.len(), 2, "the stand-in, and the server");
    let replaced = [(PROVIDER, provider.as_str()), (REST, &rest)];
    let recipes: Vec<_> = recipes.into_iter().map(|recipe| recipe.with(&replaced)).collect();
    check(&recipes, folder.path());
}
