//! Shared parts of the benchmarks: servers, each in its own process, a load, and figures.
//!
//! - [`comparison`] compares passbridge with a reference; [`rounds`] measures both in alternation, each time a [`pair`], and
//!   [`patience`] waits until the machine is quiet.
//! - [`process`] starts the servers, and [`cpu`] measures their CPU time and that of everything else.
//! - [`load`] calls a server in a closed loop and keeps a [`tally`]; [`measurement`] combines it with the server's CPU time.
//! - [`device`], [`codes`] and [`template`] are the parts of requests.
//! - [`clock`] is the clock of all measurements.
//! - [`report`] and [`machine`] print; [`disk`] is about the file system of the data folder.

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

/// The error of a benchmark that could not run.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The result of a benchmark or a part of one.
pub type Result<T> = std::result::Result<T, Failure>;

/// The options of every benchmark.
#[derive(Debug, Args)]
pub struct Setting {
    /// Only verify that the benchmark works. The figures mean nothing.
    #[arg(long, global = true)]
    pub quick: bool,
    /// The passbridge program to measure. Cargo builds the default one with the dependency features of the tests; specify the
    /// released program for exact figures.
    #[arg(long, global = true, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_passbridge"))]
    pub server: PathBuf,
    /// The number of client threads.
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 1)]
    pub client_threads: usize,
}

/// The exit code of a benchmark. Only a failure to run it is a failure.
pub fn exit_code(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}
