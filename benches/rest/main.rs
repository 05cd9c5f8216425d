//! What passbridge's REST API costs beside a bare server that answers the same bytes, on this machine.
//!
//! ```text
//! cargo bench --bench rest              throughput, latency and CPU per call, beside the bare server
//! cargo bench --bench rest -- --quick   only shows that it runs
//! ```
//!
//! Figures mean little on another machine; the ratios travel better. Nothing is asserted about time: the exit
//! code tells only whether everything worked. Targets stand beside the figures.
//!
//! - [`throughput`] is the benchmark; [`support`] is what it has in common with other benchmarks.
//! - This program again is the [`bare`] server, as a process of its own.
//! - [`client`] drives the servers and finds the end of an [`answer`]; [`workload`] says with what.
//! - What the bare server answers was [`recorded`] before.
//! - [`token`] asks passbridge for the access token that calls carry.

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

/// The face that is measured. All of the load comes from one address, which by default is not allowed so much.
const REST: Face<'static> = Face {
    name: "rest",
    environment: &[
        ("PASSBRIDGE_REST__ADDRESS_LIMIT__PER_SECOND", "1000000"),
        ("PASSBRIDGE_REST__ADDRESS_LIMIT__BURST", "1000000"),
    ],
    configuration: None,
};

/// Measures passbridge's REST API beside a bare server that answers the same bytes.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench rest --", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    #[command(flatten)]
    options: rounds::RoundsOptions,
    /// Cargo says it to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The bare server itself.
    #[command(hide = true)]
    Bare {
        /// What it answers.
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
