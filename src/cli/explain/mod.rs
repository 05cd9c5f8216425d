//! `passbridge explain`: explains the probable causes of an error, with their remedies.

mod reason;
mod reference;

use std::{
    error::Error,
    io::{Read, stdin},
};

use clap::Args;

use self::reason::Reason;
use crate::domain::{
    probable_cause::ProbableCause,
    symptom::{self, Symptom},
};

/// The limit on standard input, in bytes.
const INPUT_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A status, an error code, a log line, or a description. If omitted or "-", read from standard input, which may be
    /// a whole HTTP response.
    #[arg(value_name = "SYMPTOM")]
    symptom: Vec<String>,

    /// Print every error reason with its gRPC code, REST status, causes and remedies, as Markdown.
    #[arg(long, conflicts_with = "symptom")]
    reference: bool,
}

pub(super) fn run(explain: &ExplainArgs) -> Result<(), Box<dyn Error>> {
    if explain.reference {
        print!("{}", reference::reference());
        return Ok(());
    }
    let mut text = explain.symptom.join(" ");
    if text.is_empty() || text == "-" {
        text.clear();
        stdin().take(INPUT_MAX).read_to_string(&mut text)?;
    }
    // A reason of our own is more specific than the text around it.
    if let Some(reason) = Reason::named_in(&text) {
        print_reason(&reason);
    } else if let Some(symptom) = symptom::read(&text) {
        print_symptom(&symptom);
    } else {
        let text = "symptom not recognized; give an HTTP status, an error code of the provider or of passbridge, or a \
                    description such as \"cannot log in\"";
        return Err(text.into());
    }
    Ok(())
}

fn print_reason(reason: &Reason) {
    let statuses: Vec<_> = reason.rest_statuses().iter().map(|status| format!(", REST {status}")).collect();
    println!("{} (gRPC {}{})", reason.name, reason.code_name(), statuses.concat());
    let comment = reason.comment();
    println!("  {}\n  {}", comment.meaning, comment.remedy);
    print_causes(&reason.causes());
}

fn print_symptom(symptom: &Symptom) {
    println!("{}", symptom.describe());
    print_causes(&symptom.causes());
}

fn print_causes(causes: &[ProbableCause]) {
    for (index, ProbableCause { cause, remedy }) in causes.iter().enumerate() {
        println!("  {}. {cause}\n     {remedy}", index + 1);
    }
}
