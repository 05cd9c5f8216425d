//! `passbridge explain`: explains the probable causes of an error, with their remedies.

use std::{
    error::Error,
    io::{Read, stdin},
};

use clap::Args;

use crate::{
    domain::{
        probable_cause::ProbableCause,
        symptom::{self, causes_of_reason},
    },
    grpc::status::classify,
    proto::v1::ErrorReason,
};

/// The limit on standard input, in bytes.
const INPUT_MAX: u64 = 1 << 20;

/// The prefix of our reasons in the proto.
const PREFIX: &str = "ERROR_REASON_";

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A status, an error code, a log line, or a description. If omitted or "-", read from standard input, which may be
    /// a whole HTTP response.
    #[arg(value_name = "SYMPTOM")]
    symptom: Vec<String>,
}

pub(super) fn run(explain: &ExplainArgs) -> Result<(), Box<dyn Error>> {
    let mut text = explain.symptom.join(" ");
    if text.is_empty() || text == "-" {
        text.clear();
        stdin().take(INPUT_MAX).read_to_string(&mut text)?;
    }
    let reason = |error: &_| classify(error).0.as_str_name().trim_start_matches(PREFIX);
    // A reason of our own is more specific than the text around it.
    let known = causes_of_reason(&text, reason).map(|(reason, causes)| (reason.to_owned(), causes));
    let (what, causes) = match known.or_else(|| self_explaining(&text)) {
        Some(explained) => explained,
        None => match symptom::read(&text) {
            Some(symptom) => (symptom.describe(), symptom.causes()),
            None => {
                let text = "symptom not recognized; give an HTTP status, an error code of the provider or of passbridge, or a description \
                            such as \"cannot log in\"";
                return Err(text.into());
            }
        },
    };
    println!("{what}");
    if causes.is_empty() {
        println!("  no further causes are known; the error message is complete");
    }
    for (index, ProbableCause { cause, remedy }) in causes.iter().enumerate() {
        println!("  {}. {cause}\n     {remedy}", index + 1);
    }
    Ok(())
}

/// A reason of ours for which no further causes are known.
fn self_explaining(text: &str) -> Option<(String, Vec<ProbableCause>)> {
    let reasons = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    let mut names = reasons.map(|reason| reason.as_str_name().trim_start_matches(PREFIX));
    let name = names.find(|name| name.contains('_') && text.contains(name))?;
    Some((name.to_owned(), Vec::new()))
}
