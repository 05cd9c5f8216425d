//! What the bridge adds to calls of the provider on this machine: the mock provider is called directly and through passbridge.
//!
//! ```text
//! cargo bench --bench bridge              latency compared with the direct call, and CPU per bridged create
//! cargo bench --bench bridge -- flow      the calls of version 1's device flow over version 2
//! cargo bench --bench bridge -- --quick   only verifies that it runs
//! ```
//!
//! Absolute figures mean little on another machine. No time is asserted: the exit code shows only whether everything worked.
//! The targets are printed beside the figures.
//!
//! - [`comparison`] and [`flow`] are the benchmarks; other benchmarks share [`support`].
//! - [`provider`] starts the mock provider and gets a token for direct calls.
//! - [`workload`] defines the calls; the two clients are those of the other benchmarks.

#![forbid(unsafe_code)]

#[path = "../rest/answer.rs"]
#[allow(dead_code, reason = "shared with other benchmarks that use more of it")]
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
#[allow(dead_code, reason = "shared with other benchmarks that use more of it")]
mod support;
#[path = "../rest/token.rs"]
mod token;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use support::{Setting, exit_code};

/// The number of gRPC connections.
const CONNECTIONS: usize = 4;

/// Measures what passbridge adds to calls of the provider.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench bridge --")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    /// The number of rounds.
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// The duration of each measurement in seconds, without its warm-up.
    #[arg(long, global = true, default_value_t = 4)]
    seconds: u64,
    /// Cargo passes this to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Calls of TVs with version 1 over version 2, compared with a bare server that sends the same bytes, and with the same
    /// request to the mock provider.
    Flow,
    /// The bare server.
    #[command(hide = true)]
    Bare {
        /// The response.
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
