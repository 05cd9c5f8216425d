//! `passbridge temp-pass`: what operators do about trials.

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
    /// Reset trials: those that a file lists, one, or all of a TempPass.
    Reset(Box<reset::Reset>),
    /// List the schedules that reset TempPasses: what came of each last time, and when it is due next.
    Schedules,
}

pub(super) fn run(command: TempPass, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        TempPass::Reset(command) => reset::run(*command, file),
        TempPass::Schedules => schedules::run(file),
    }
}
