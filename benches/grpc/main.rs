//! What passbridge costs beside a bare tonic echo, on this machine.
//!
//! ```text
//! cargo bench --bench grpc                        throughput, latency and CPU per call, beside the echo
//! cargo bench --bench grpc -- start               idle memory, and the time from start to ready
//! cargo bench --bench grpc -- soak --minutes 30   2 000 creates/s with as many expiring
//! cargo bench --bench grpc -- --quick             only shows that it runs
//! ```
//!
//! Figures mean little on another machine; the ratios travel better. Nothing is asserted about time: the exit
//! code tells only whether everything worked. Targets stand beside the figures.
//!
//! - [`throughput`], [`start`] and [`soak`] are the benchmarks; [`report`] and [`machine`] print.
//! - [`process`] starts the servers, each a process of its own: passbridge as it is shipped, and this program
//!   again as the [`echo`].
//! - [`load`] drives them through [`client`]; [`workload`] says with what.
//! - [`measurement`] puts a load and what the server spent on it together.
//! - [`disk`] knows the file system that the data folder is on.

mod client;
mod disk;
mod echo;
mod load;
mod machine;
mod measurement;
mod process;
mod report;
mod soak;
mod start;
mod throughput;
mod workload;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Why a benchmark could not be run.
type Failure = Box<dyn Error + Send + Sync>;

type Result<T> = std::result::Result<T, Failure>;

/// Measures passbridge beside a bare tonic echo.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench grpc --")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    /// Cargo says it to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

/// What every benchmark wants to know.
#[derive(Debug, Args)]
struct Setting {
    /// As little as shows that the benchmark works. The figures mean nothing.
    #[arg(long, global = true)]
    quick: bool,
    /// The passbridge to measure. Cargo builds the default one with the features that the tests ask of its
    /// dependencies; give the one that you ship, to be sure.
    #[arg(long, global = true, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_passbridge"))]
    server: PathBuf,
    /// How many threads make the load.
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 1)]
    client_threads: usize,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Calls a second, latency and CPU per call, beside the echo's (the default).
    Throughput(throughput::Options),
    /// Idle memory, and the time from start to ready, on an empty store and a full one.
    Start,
    /// A constant rate for a long time.
    Soak(soak::Options),
    /// The echo itself.
    #[command(hide = true)]
    Echo,
}

fn main() -> ExitCode {
    let Arguments { command, setting, .. } = Arguments::parse();
    let outcome = match command.unwrap_or(Command::Throughput(throughput::Options::default())) {
        Command::Throughput(options) => throughput::run(&setting, &options),
        Command::Start => start::run(&setting),
        Command::Soak(options) => soak::run(&setting, &options),
        Command::Echo => echo::serve(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}
