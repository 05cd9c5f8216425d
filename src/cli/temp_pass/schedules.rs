//! `passbridge temp-pass schedules`: lists the reset schedules.

use std::{
    error::Error,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    admin::{OperatorCommand, OperatorResponse, ScheduleLine},
    cli::operate::{operate, perform},
};

pub(super) fn run(file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let answer =
        operate(file, |config| async move { perform(&config, OperatorCommand::ListSchedules).await })?;
    if let OperatorResponse::Schedules(lines) = answer {
        print(&lines);
    }
    Ok(())
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
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}
