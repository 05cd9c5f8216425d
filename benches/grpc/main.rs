//! The cost of passbridge compared with a bare tonic echo, on this machine.
//!
//! ```text
//! cargo bench --bench grpc                        throughput, latency and CPU per call, compared with the echo
//! cargo bench --bench grpc -- start               idle memory, and the time from start to ready
//! cargo bench --bench grpc -- scale               rates, memory and opening time at 0.3 and 10 million codes
//! cargo bench --bench grpc -- growth              disk space of codes that are created and deleted
//! cargo bench --bench grpc -- soak                an hour of 2 000 creates/s, with as many expiring
//! cargo bench --bench grpc -- watches             memory of open watches, and the latency of notifications
//! cargo bench --bench grpc -- redis               codes over Redis, and watches across two servers
//! cargo bench --bench grpc -- secured             the cost of a JWT and TLS for a create
//! cargo bench --bench grpc -- handshakes          TLS handshakes, compared with a server that does nothing else
//! cargo bench --bench grpc -- --quick             only verifies that it runs
//! ```
//!
//! Absolute figures mean little on another machine; ratios are more comparable. No time is asserted: the exit code shows
//! only whether everything worked. The targets are printed beside the figures.
//!
//! - [`throughput`], [`start`], [`scale`], [`growth`], [`soak`], [`watches`], [`temp_pass`], [`redis`], [`secured`] and
//!   [`handshakes`] are the benchmarks; other benchmarks share [`support`].
//! - This program is also the [`echo`], in its own process.
//! - [`client`] calls the servers, [`pace`] at a constant rate, and [`messages`] are the responses of a stream;
//!   [`workload`] defines the requests, [`credentials`] the keys and tokens.
//! - [`footprint`] measures memory and disk space.

#![forbid(unsafe_code)]

mod client;
mod credentials;
mod echo;
mod footprint;
mod growth;
mod handshakes;
mod messages;
mod pace;
mod redis;
mod scale;
mod secured;
mod soak;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod temp_pass;
mod throughput;
mod watches;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use handshakes::Handshakes;
use secured::Secured;
use support::{Setting, comparison, exit_code, process::Face, rounds};
use throughput::Throughput;

/// The measured face.
const GRPC: Face<'static> = Face { name: "grpc", environment: &[], configuration: None };

/// The number of connections.
const CONNECTIONS: usize = 4;

/// Measures passbridge and compares it with a bare tonic echo.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench grpc --")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setting: Setting,
    /// Cargo passes this to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Calls per second, latency and CPU per call, compared with the echo (the default).
    Throughput(rounds::RoundsOptions),
    /// Idle memory, and the time from start to ready, on an empty store and a full one.
    Start,
    /// Rates compared with the echo, memory, disk space and opening time, at several numbers of live codes.
    Scale(scale::ScaleOptions),
    /// The disk space of codes that are deleted long before their expiry.
    Growth(growth::GrowthOptions),
    /// A constant rate for a long time.
    Soak(soak::SoakOptions),
    /// The memory of open watches, and the latency of their notification of a delete.
    Watches,
    /// TempPasses: authorizations compared with the echo, resets in one stream and resets of all.
    TempPass(rounds::RoundsOptions),
    /// Codes over Redis: calls compared with the echo, the engine's memory per code, and watches across two servers.
    Redis(rounds::RoundsOptions),
    /// The cost of a JWT and TLS for a create.
    Secured(rounds::RoundsOptions),
    /// TLS handshakes, full and resumed, compared with a server that does nothing else.
    Handshakes(rounds::RoundsOptions),
    /// The echo server.
    #[command(hide = true)]
    Echo,
    /// The server that does nothing but handshakes.
    #[command(hide = true)]
    Handshaker {
        /// The certificate, in hexadecimal.
        certificate: String,
        /// The key, as PKCS #8.
        key: String,
    },
}

fn main() -> ExitCode {
    let Arguments { command, setting, .. } = Arguments::parse();
    exit_code(match command.unwrap_or(Command::Throughput(rounds::RoundsOptions::default())) {
        Command::Throughput(options) => comparison::run::<Throughput>(&setting, &options),
        Command::Start => start::run(&setting),
        Command::Scale(extent) => scale::run(&setting, &extent),
        Command::Growth(options) => growth::run(&setting, &options),
        Command::Soak(options) => soak::run(&setting, &options),
        Command::Watches => watches::run(&setting),
        Command::TempPass(options) => temp_pass::run(&setting, &options),
        Command::Redis(options) => redis::run(&setting, &options),
        Command::Secured(options) => comparison::run::<Secured>(&setting, &options),
        Command::Handshakes(options) => comparison::run::<Handshakes>(&setting, &options),
        Command::Echo => echo::serve(),
        Command::Handshaker { certificate, key } => handshakes::serve([&certificate, &key]),
    })
}
