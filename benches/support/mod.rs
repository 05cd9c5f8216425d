//! What every benchmark needs: servers beside each other, each a process of its own, a load, and figures.
//!
//! - [`comparison`] puts passbridge beside a yardstick and prints both; [`rounds`] measures them in turn, each a
//!   [`pair`], and [`patience`] keeps what else the machine does out of it.
//! - [`process`] starts the servers, and [`cpu`] knows what they and everything else spend.
//! - [`load`] calls a server in a closed loop and keeps a [`tally`]; [`measurement`] puts it together with what the
//!   server spent on it.
//! - [`device`], [`codes`] and [`template`] are what requests are made of.
//! - [`clock`] is what they all measure by.
//! - [`report`] and [`machine`] print; [`disk`] knows the file system that the data folder is on.

pub mod clock;
pub mod codes;
pub mod comparison;
mod cpu;
pub mod device;
pub mod disk;
pub mod load;
pub mod machine;
pub mod measurement;
pub mod pair;
mod patience;
pub mod process;
pub mod report;
pub mod rounds;
pub mod tally;
pub mod template;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Args;

/// Why a benchmark could not be run.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What a benchmark, or a part of one, comes to.
pub type Result<T> = std::result::Result<T, Failure>;

/// What every benchmark wants to know.
#[derive(Debug, Args)]
pub struct Setting {
    /// As little as shows that the benchmark works. The figures mean nothing.
    #[arg(long, global = true)]
    pub quick: bool,
    /// The passbridge to measure. Cargo builds the default one with the features that the tests ask of its
    /// dependencies; give the one that you ship, to be sure.
    #[arg(long, global = true, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_passbridge"))]
    pub server: PathBuf,
    /// How many threads make the load.
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 1)]
    pub client_threads: usize,
}

/// How a benchmark's process ends. Nothing but a failure to run it is one.
pub fn exit_code(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}
