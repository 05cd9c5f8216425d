//! `passbridge explain`: what probably led to what somebody sees, and what to do about it.

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

/// How much is read of standard input, in bytes.
const INPUT_MAX: u64 = 1 << 20;

/// What our reasons begin with in the proto.
const PREFIX: &str = "ERROR_REASON_";

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A status, an error code, a line of a log, or words; left out, or "-", it is read from standard input, where it may be
    /// a whole HTTP response.
    #[arg(value_name = "SYMPTOM")]
    symptom: Vec<String>,
}

pub(super) fn run(explain: &Explain) -> Result<(), Box<dyn Error>> {
    let mut text = explain.symptom.join(" ");
    if text.is_empty() || text == "-" {
        text.clear();
        stdin().take(INPUT_MAX).read_to_string(&mut text)?;
    }
    let reason = |error: &_| classify(error).0.as_str_name().trim_start_matches(PREFIX);
    // Our own name of an error is more exact than what stands around it.
    let known = causes_of_reason(&text, reason).map(|(reason, causes)| (reason.to_owned(), causes));
    let (what, causes) = match known.or_else(|| self_explaining(&text)) {
        Some(explained) => explained,
        None => match symptom::read(&text) {
            Some(symptom) => (symptom.describe(), symptom.causes()),
            None => {
                let text = "nothing in this is known; give an HTTP status, an error code of the provider's or of ours, or words \
                            such as \"cannot log in\"";
                return Err(text.into());
            }
        },
    };
    println!("{what}");
    if causes.is_empty() {
        println!("  the error itself says what there is to say");
    }
    for (index, ProbableCause { cause, remedy }) in causes.iter().enumerate() {
        println!("  {}. {cause}\n     {remedy}", index + 1);
    }
    Ok(())
}

/// A reason of ours that has no causes but itself.
fn self_explaining(text: &str) -> Option<(String, Vec<ProbableCause>)> {
    let reasons = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    let mut names = reasons.map(|reason| reason.as_str_name().trim_start_matches(PREFIX));
    let name = names.find(|name| name.contains('_') && text.contains(name))?;
    Some((name.to_owned(), Vec::new()))
}
