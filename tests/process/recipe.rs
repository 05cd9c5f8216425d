//! Documents with commands, and below each what it answers: all commands are pasted into one shell, and the answers compared.

use std::{fs, path::Path};

use serde_json::{Deserializer, Value};

use crate::document::{blocks, run};

/// A block of commands, and what stands below it.
pub struct Recipe {
    pub commands: String,
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

/// The recipes of a document.
pub fn recipes(document: &str) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for block in blocks(document) {
        if block.language == "sh" {
            recipes.push(Recipe { commands: block.text, answer: String::new(), text: String::new() });
            continue;
        }
        let recipe = recipes.last_mut().expect("answers stand below commands");
        match block.language.as_str() {
            "json" => recipe.answer = block.text,
            "text" => recipe.text = block.text,
            // A file that the commands work with.
            "toml" => {}
            other => panic!("{other}: what is it in {document}?"),
        }
    }
    recipes
}

impl Recipe {
    /// The same with these texts in the place of others, such as addresses.
    pub fn with(self, replaced: &[(&str, &str)]) -> Self {
        let replace = |text: String| replaced.iter().fold(text, |text, (from, to)| text.replace(from, to));
        let Self { commands, answer, text } = self;
        Self { commands: replace(commands), answer: replace(answer), text: replace(text) }
    }
}

/// Pastes recipes into one shell; they must all answer what stands below them.
#[track_caller]
pub fn check(recipes: &[Recipe], folder: &Path) {
    let outcomes = paste(recipes, folder);
    let complaints = recipes.iter().zip(&outcomes).flat_map(|(recipe, outcome)| {
        let place =
            move |what: String| format!("{what}\nin\n{}{}{}", recipe.commands, outcome.output, outcome.error);
        complaints(recipe, outcome).into_iter().map(place)
    });
    let complaints: Vec<_> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Pastes the recipes into one shell, in which what one leaves in a variable is there for those below it.
fn paste(recipes: &[Recipe], folder: &Path) -> Vec<Outcome> {
    let script = recipes.iter().enumerate().map(|(number, recipe)| {
        let commands = &recipe.commands;
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

/// How what became of a recipe differs from what stands below it.
fn complaints(recipe: &Recipe, outcome: &Outcome) -> Vec<String> {
    let mut complaints = Vec::new();
    if !outcome.is_success && recipe.text.is_empty() {
        complaints.push("it failed".to_owned());
    }
    let said = if outcome.is_success { &outcome.output } else { &outcome.error };
    let is_said = |line: &&str| match line.strip_suffix('…') {
        Some(beginning) => said.lines().any(|said| said.trim().starts_with(beginning)),
        None => said.lines().any(|said| said.trim() == *line),
    };
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
        (Value::Number(written), Value::Number(answer)) => {
            written == answer || (is_time(written) && is_time(answer))
        }
        _ => written == answer,
    }
}

/// Whether a number is a moment since the Unix epoch, in seconds or milliseconds, rather than a status.
fn is_time(number: &serde_json::Number) -> bool {
    number.as_u64().is_some_and(|number| number > 1_000_000_000)
}

/// What a text is, where it is another one each time.
fn kind(text: &str) -> Option<&'static str> {
    let is_code = text.len() == 7 && text.chars().all(|letter| "BCDFGHJKLMNPQRSTVWXZ3479".contains(letter));
    match text {
        _ if is_code => Some("code"),
        _ if text.len() == 13 && text.parse::<u64>().is_ok() => Some("milliseconds"),
        _ if text.parse::<uuid::Uuid>().is_ok() => Some("UUID"),
        _ if text.parse::<jiff::Timestamp>().is_ok() => Some("time"),
        _ => None,
    }
}
