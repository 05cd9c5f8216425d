//! The cost of passbridge's REST API compared with a bare server that sends the same bytes, on this machine.
//!
//! ```text
//! cargo bench --bench rest              throughput, latency and CPU per call, compared with the bare server
//! cargo bench --bench rest -- --quick   only verifies that it runs
//! ```
//!
//! Absolute figures mean little on another machine; ratios are more comparable. No time is asserted: the exit code shows
//! only whether everything worked. The targets are printed beside the figures.
//!
//! - [`throughput`] is the benchmark; other benchmarks share [`support`].
//! - This program is also the [`bare`] server, in its own process.
//! - [`client`] calls the servers and finds the end of an [`answer`]; [`workload`] defines the requests.
//! - The bare server sends [`recorded`] responses.
//! - [`token`] gets the access token of calls from passbridge.

#![forbid(unsafe_code)]

mod answer;
mod bare;
mod client;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
mod throughput;
mod token;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use support::{Setting, comparison, exit_code, process::Face, rounds};
use throughput::Throughput;

/// The measured face. The load comes from one address, which needs a higher limit than the default.
const REST: Face<'static> = Face {
    name: "rest",
    environment: &[
        ("PASSBRIDGE_REST__ADDRESS_LIMIT__PER_SECOND", "1000000"),
        ("PASSBRIDGE_REST__ADDRESS_LIMIT__BURST", "1000000"),
    ],
    configuration: None,
};

/// Measures passbridge's REST API and compares it with a bare server that sends the same bytes.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench rest --", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    #[command(flatten)]
    options: rounds::RoundsOptions,
    /// Cargo passes this to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The bare server.
    #[command(hide = true)]
    Bare {
        /// The responses.
        answers: String,
    },
}

fn main() -> ExitCode {
    let Arguments { command, setting, options, .. } = Arguments::parse();
    exit_code(match command {
        None => comparison::run::<Throughput>(&setting, &options),
        Some(Command::Bare { answers }) => bare::serve(&answers),
    })
}
