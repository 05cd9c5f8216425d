//! What commands print, compared with what a document says that they print.

use serde_json::{Deserializer, Value};

/// What became of a block of commands.
pub struct Outcome {
    pub is_success: bool,
    pub output: String,
    pub error: String,
}

impl Outcome {
    /// Adds what became of the commands after it.
    pub fn add(&mut self, next: Self) {
        self.is_success &= next.is_success;
        self.output.push_str(&next.output);
        self.error.push_str(&next.error);
    }
}

/// How an outcome differs from the answers that a document shows, each with the language of its block.
pub fn complaints(answers: &[(&str, String)], outcome: &Outcome) -> Vec<String> {
    let mut complaints = Vec::new();
    if !outcome.is_success && !answers.iter().any(|(language, _)| *language == "text") {
        complaints.push("a command failed".to_owned());
    }
    for (language, answer) in answers {
        match *language {
            "json" => complaints.extend(json_complaints(answer, &outcome.output)),
            _ => complaints.extend(text_complaints(answer, outcome)),
        }
    }
    complaints
}

/// Each line that is written must be printed; of a failure, on standard error.
fn text_complaints(answer: &str, outcome: &Outcome) -> Vec<String> {
    let printed = if outcome.is_success { &outcome.output } else { &outcome.error };
    let is_printed = |line: &&str| match line.strip_suffix('…') {
        Some(beginning) => printed.lines().any(|printed| printed.trim().starts_with(beginning)),
        None => printed.lines().any(|printed| printed.trim() == *line),
    };
    let missing = answer.lines().map(str::trim).filter(|line| *line != "…" && !is_printed(line));
    missing.map(|line| format!("it does not print: {line}")).collect()
}

/// Each message that is written must be printed, and no other. Those of a stream may come in any order.
fn json_complaints(answer: &str, output: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut printed = messages(output);
    for message in messages(answer) {
        match printed.iter().position(|printed| is_like(&message, printed)) {
            Some(found) => drop(printed.remove(found)),
            None => complaints.push(format!("it does not print: {message}")),
        }
    }
    complaints.extend(printed.iter().map(|message| format!("it prints: {message}")));
    complaints
}

fn messages(text: &str) -> Vec<Value> {
    let messages = Deserializer::from_str(text).into_iter().collect::<Result<_, _>>();
    messages.unwrap_or_else(|error| panic!("it is no JSON: {error}\n{text}"))
}

/// Whether an answer is what is written. Fields may be left out, `…` stands for the rest of a text or list, and codes, times
/// and UUIDs match any other.
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

/// What a text is, where each run has another one.
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
