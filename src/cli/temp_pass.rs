//! `passbridge temp-pass`: what operators do about trials.

use std::{error::Error, path::Path, time::Duration};

use clap::Subcommand;

use super::operate::{operate, perform};
use crate::admin::{Answer, Command, ScheduleLine};

#[derive(Debug, Subcommand)]
pub(super) enum TempPass {
    /// List the schedules that reset TempPasses: what came of each last time, and when it is due next.
    Schedules,
}

pub(super) fn run(command: &TempPass, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        TempPass::Schedules => {
            let answer =
                operate(file, |config| async move { perform(&config, Command::ListSchedules).await })?;
            if let Answer::Schedules(lines) = answer {
                print(&lines);
            }
            Ok(())
        }
    }
}

fn print(lines: &[ScheduleLine]) {
    if lines.is_empty() {
        println!("no schedules are configured (temp_pass_schedules)");
    }
    for line in lines {
        let time = |millis: Option<u64>| millis.map_or_else(|| "never".to_owned(), rfc3339);
        println!("{}\tlast {}\t{}\tnext {}", line.name, time(line.last), line.result, time(line.next));
    }
}

fn rfc3339(millis: u64) -> String {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}
