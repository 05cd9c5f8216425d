//! `passbridge temp-pass`: operations on TempPass trials.

mod connection;
mod failed;
mod input;
mod progress;
mod reset;
mod reset_file;
mod schedules;

use std::{error::Error, path::Path};

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum TempPassCommand {
    /// Reset trials: those listed in a file, a single one, or all of a TempPass.
    Reset(Box<reset::ResetArgs>),
    /// List the reset schedules, each with its last result and its next run.
    Schedules,
}

pub(super) fn run(command: TempPassCommand, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        TempPassCommand::Reset(command) => reset::run(*command, file),
        TempPassCommand::Schedules => schedules::run(file),
    }
}
