//! What the bridge adds to a call of the provider's, on this machine: a stand-in for the provider is called by itself, and
//! through passbridge.
//!
//! ```text
//! cargo bench --bench bridge              latency beside the direct call, and CPU per bridged create
//! cargo bench --bench bridge -- --quick   only shows that it runs
//! ```
//!
//! Figures mean little on another machine. Nothing is asserted about time: the exit code tells only whether everything
//! worked. Targets stand beside the figures.
//!
//! - [`comparison`] is the benchmark; [`support`] is what it has in common with other benchmarks.
//! - [`provider`] starts the stand-in, and gets a token from it for direct calls.
//! - [`workload`] says what is called; the two clients are those of the other benchmarks.

#![forbid(unsafe_code)]

#[path = "../rest/answer.rs"]
#[allow(dead_code, reason = "it has more than this benchmark needs")]
mod answer;
mod comparison;
#[path = "../grpc/client.rs"]
mod grpc_client;
#[path = "../rest/client.rs"]
mod http_client;
mod provider;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "it has more than this benchmark needs")]
mod support;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use support::{Setting, exit_code};

/// Over how many connections gRPC is called.
const CONNECTIONS: usize = 4;

/// Measures what passbridge adds to calls of the provider's.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench bridge --")]
struct Arguments {
    #[command(flatten)]
    setting: Setting,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement is, in seconds, without its warm-up.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Cargo says it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if let Some(code) = provider::as_provider() {
        return code;
    }
    let Arguments { setting, rounds, seconds, .. } = Arguments::parse();
    exit_code(comparison::run(&setting, rounds, seconds))
}
