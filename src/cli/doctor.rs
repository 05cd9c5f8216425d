//! `passbridge doctor`: checks both faces and the upstream of each environment, step by step.

use std::{error::Error, path::Path};

use clap::Args;

use super::operate::{operate, perform};
use crate::{
    admin::{ExaminationReport, ExamineCommand, OperatorCommand, OperatorResponse},
    domain::backend::{Finding, FindingStatus},
};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Environment to check. Default: both faces, and every environment that has an upstream.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Also create a registration code for this requestor at the upstream, and delete it.
    #[arg(long, value_name = "REQUESTOR")]
    create: Option<String>,
}

pub(super) fn run(doctor: DoctorArgs, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let command = ExamineCommand { environment: doctor.environment, create_for: doctor.create };
    let answer =
        operate(file, |config| async move { perform(&config, OperatorCommand::Examine(command)).await })?;
    let OperatorResponse::Examined(examined) = answer else {
        return Err("the running server returned no examination results".into());
    };
    examined.iter().for_each(print);
    let broken = examined.iter().flat_map(|examined| &examined.findings);
    match broken.filter(|finding| finding.condition == FindingStatus::Broken).count() {
        0 => Ok(()),
        count => Err(format!("failed checks: {count}").into()),
    }
}

fn print(examined: &ExaminationReport) {
    println!("{}", examined.subject);
    for Finding { step, condition, seen, causes } in &examined.findings {
        let mark = match condition {
            FindingStatus::Fine => "ok",
            FindingStatus::Odd => "warn",
            FindingStatus::Broken => "FAILED",
        };
        println!("  {mark:<7}{step:<12}{seen}");
        for (cause, remedy) in causes {
            let between = if cause.is_empty() { "" } else { " " };
            println!("{:21}- {cause}{between}{remedy}", "");
        }
    }
}
