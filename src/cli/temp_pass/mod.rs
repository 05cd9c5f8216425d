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
pub(super) enum TempPass {
    /// Reset trials: those listed in a file, a single one, or all of a TempPass.
    Reset(Box<reset::Reset>),
    /// List the reset schedules, each with its last result and its next run.
    Schedules,
}

pub(super) fn run(command: TempPass, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        TempPass::Reset(command) => reset::run(*command, file),
        TempPass::Schedules => schedules::run(file),
    }
}
