//! What the bridge adds to a call of the provider's, on this machine: a stand-in for the provider is called by itself, and
//! through passbridge.
//!
//! ```text
//! cargo bench --bench bridge              latency beside the direct call, and CPU per bridged create
//! cargo bench --bench bridge -- flow      the calls of version 1's device flow over version 2
//! cargo bench --bench bridge -- --quick   only shows that it runs
//! ```
//!
//! Figures mean little on another machine. Nothing is asserted about time: the exit code tells only whether everything
//! worked. Targets stand beside the figures.
//!
//! - [`comparison`] is the benchmark, [`flow`] the other one; [`support`] is what it has in common with other benchmarks.
//! - [`provider`] starts the stand-in, and gets a token from it for direct calls.
//! - [`workload`] says what is called; the two clients are those of the other benchmarks.

#![forbid(unsafe_code)]

#[path = "../rest/answer.rs"]
#[allow(dead_code, reason = "it has more than this benchmark needs")]
mod answer;
mod comparison;
mod flow;
#[path = "../grpc/client.rs"]
mod grpc_client;
#[path = "../rest/client.rs"]
mod http_client;
mod provider;
#[path = "../rest/recorded.rs"]
mod recorded;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "it has more than this benchmark needs")]
mod support;
#[path = "../rest/token.rs"]
mod token;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use support::{Setting, exit_code};

/// Over how many connections gRPC is called.
const CONNECTIONS: usize = 4;

/// Measures what passbridge adds to calls of the provider's.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench bridge --")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    /// How often everything is measured.
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement is, in seconds, without its warm-up.
    #[arg(long, global = true, default_value_t = 4)]
    seconds: u64,
    /// Cargo says it to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What TVs call that speak version 1, over version 2: beside a bare server that answers the same bytes, and beside the same
    /// question put to the stand-in itself.
    Flow,
    /// The bare server itself.
    #[command(hide = true)]
    Bare {
        /// What it answers.
        answer: String,
    },
}

fn main() -> ExitCode {
    if let Some(code) = provider::as_provider() {
        return code;
    }
    let Arguments { command, setting, rounds, seconds, .. } = Arguments::parse();
    exit_code(match command {
        None => comparison::run(&setting, rounds, seconds),
        Some(Command::Flow) => flow::run(&setting, rounds, seconds),
        Some(Command::Bare { answer }) => flow::bare::serve(&answer),
    })
}
