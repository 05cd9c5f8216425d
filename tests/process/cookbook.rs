//! The cookbook of grpcurl: every command of it is pasted into one shell, and must answer what stands below it.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Deserializer, Value};

use crate::{
    document::{blocks, run},
    readme::{PRODUCTION, production_server},
    support::server_process::{Program, ServerProcess},
};

const COOKBOOK: &str = "docs/grpcurl.md";

/// Where the cookbook has a server without TLS.
const PLAIN: &str = "127.0.0.1:50051";

/// A block of commands, and what stands below it.
struct Recipe {
    commands: String,
    /// The answer as JSON; empty where none is shown.
    answer: String,
    /// Lines of what is printed where that is no JSON, such as an error; empty where none is shown.
    text: String,
}

/// What became of a recipe.
struct Outcome {
    is_success: bool,
    output: String,
    error: String,
}

fn recipes() -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for block in blocks(COOKBOOK) {
        if block.language == "sh" {
            recipes.push(Recipe { commands: block.text, answer: String::new(), text: String::new() });
            continue;
        }
        let recipe = recipes.last_mut().expect("answers stand below commands");
        match block.language.as_str() {
            "json" => recipe.answer = block.text,
            "text" => recipe.text = block.text,
            other => panic!("{other}: what is it in {COOKBOOK}?"),
        }
    }
    recipes
}

/// Pastes the recipes into one shell, in which what one leaves in a variable is there for those below it.
fn paste(recipes: &[Recipe], folder: &Path, written: &str, server: &ServerProcess) -> Vec<Outcome> {
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/proto"), folder.join("proto"))
        .expect("links");
    let script = recipes.iter().enumerate().map(|(number, recipe)| {
        let commands = recipe.commands.replace(written, &server.grpc.to_string());
        format!("{{\n{commands}}} >{number}.output 2>{number}.error && echo >{number}.success || true\n")
    });
    run(folder, &script.collect::<String>());
    let read = |number: usize, what: &str| fs::read_to_string(folder.join(format!("{number}.{what}"))).ok();
    let outcome = |number| Outcome {
        is_success: read(number, "success").is_some(),
        output: read(number, "output").unwrap_or_default(),
        error: read(number, "error").unwrap_or_default(),
    };
    (0..recipes.len()).map(outcome).collect()
}

/// Pastes the recipes of one server, which must all answer what stands below them.
#[track_caller]
fn check(folder: &Path, written: &str, server: &ServerProcess) {
    let recipes: Vec<_> = recipes().into_iter().filter(|recipe| recipe.commands.contains(written)).collect();
    assert!(recipes.len() >= 4, "the cookbook has calls to {written}");
    let outcomes = paste(&recipes, folder, written, server);
    let complaints = recipes.iter().zip(&outcomes).flat_map(|(recipe, outcome)| {
        let place =
            move |what: String| format!("{what}\nin\n{}{}{}", recipe.commands, outcome.output, outcome.error);
        complaints(recipe, outcome).into_iter().map(place)
    });
    let complaints: Vec<_> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// How what became of a recipe differs from what stands below it.
fn complaints(recipe: &Recipe, outcome: &Outcome) -> Vec<String> {
    let mut complaints = Vec::new();
    if !outcome.is_success && recipe.text.is_empty() {
        complaints.push("it failed".to_owned());
    }
    let said = if outcome.is_success { &outcome.output } else { &outcome.error };
    let is_said = |line: &&str| said.lines().any(|said| said.trim() == *line);
    let lines = recipe.text.lines().map(str::trim).filter(|line| *line != "…");
    complaints.extend(lines.filter(|line| !is_said(line)).map(|line| format!("it does not say: {line}")));
    if !recipe.answer.is_empty() {
        let (written, mut answers) = (messages(&recipe.answer), messages(&outcome.output));
        for message in &written {
            // Those of a stream may come in any order.
            match answers.iter().position(|answer| is_like(message, answer)) {
                Some(found) => drop(answers.remove(found)),
                None => complaints.push(format!("it does not answer: {message}")),
            }
        }
        complaints.extend(answers.iter().map(|answer| format!("it answers: {answer}")));
    }
    complaints
}

fn messages(text: &str) -> Vec<Value> {
    Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().expect("JSON")
}

/// Whether an answer is what is written. Fields may be left out, `…` stands for the rest of a text or list, and what is
/// another one each time only has to be of the same kind.
fn is_like(written: &Value, answer: &Value) -> bool {
    match (written, answer) {
        (Value::Object(written), Value::Object(answer)) => written
            .iter()
            .all(|(key, value)| answer.get(key).is_some_and(|answered| is_like(value, answered))),
        (Value::Array(written), Value::Array(answer)) => {
            let (written, is_whole) = match written.split_last() {
                Some((last, others)) if last == "…" => (others, false),
                _ => (&written[..], true),
            };
            (!is_whole || written.len() == answer.len())
                && written.len() <= answer.len()
                && written.iter().zip(answer).all(|(written, answer)| is_like(written, answer))
        }
        (Value::String(written), Value::String(answer)) => match written.strip_suffix('…') {
            Some(beginning) => answer.starts_with(beginning),
            None => written == answer || kind(written).is_some_and(|same| kind(answer) == Some(same)),
        },
        _ => written == answer,
    }
}

/// What a text is, where it is another one each time.
fn kind(text: &str) -> Option<&'static str> {
    let is_code = text.len() == 7 && text.chars().all(|letter| "BCDFGHJKLMNPQRSTVWXZ3479".contains(letter));
    match text {
        _ if is_code => Some("code"),
        _ if text.parse::<uuid::Uuid>().is_ok() => Some("UUID"),
        _ if text.parse::<jiff::Timestamp>().is_ok() => Some("time"),
        _ => None,
    }
}

#[test]
fn every_command_of_the_cookbook_answers_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(&folder.path().join("data")).start();
    check(folder.path(), PLAIN, &server);
}

#[test]
fn the_cookbook_calls_servers_over_tls_with_certificates_and_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = production_server(folder.path());
    check(folder.path(), PRODUCTION, &server);
}

#[test]
fn the_cookbook_has_a_command_for_every_method_that_a_server_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let list = |of: &str| run(folder.path(), &format!("grpcurl -plaintext {} list {of}", server.grpc));
    let called: BTreeSet<_> = recipes()
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
