//! What passbridge costs beside a bare tonic echo, on this machine.
//!
//! ```text
//! cargo bench --bench grpc                        throughput, latency and CPU per call, beside the echo
//! cargo bench --bench grpc -- start               idle memory, and the time from start to ready
//! cargo bench --bench grpc -- scale               rates, memory and the time to open at 0.3 and 10 million codes
//! cargo bench --bench grpc -- growth              what codes that are created and deleted leave on the disk
//! cargo bench --bench grpc -- soak                an hour of 2 000 creates/s with as many expiring
//! cargo bench --bench grpc -- watches             what open watches cost, and how soon they learn of a delete
//! cargo bench --bench grpc -- redis               codes over Redis, and watches across two servers
//! cargo bench --bench grpc -- secured             what a JWT and TLS cost a create
//! cargo bench --bench grpc -- handshakes          TLS handshakes, beside a server that does nothing else
//! cargo bench --bench grpc -- --quick             only shows that it runs
//! ```
//!
//! Figures mean little on another machine; the ratios travel better. Nothing is asserted about time: the exit
//! code tells only whether everything worked. Targets stand beside the figures.
//!
//! - [`throughput`], [`start`], [`scale`], [`growth`], [`soak`], [`watches`], [`temp_pass`], [`redis`], [`secured`] and [`handshakes`] are the
//!   benchmarks; [`support`] is what they have in common with other benchmarks.
//! - This program again is the [`echo`], as a process of its own.
//! - [`client`] drives the servers, [`pace`] at a constant rate, and [`messages`] are the answers of a stream;
//!   [`workload`] says with what, [`credentials`] by which they know each other.
//! - [`footprint`] is what a server holds.

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

/// The face that is measured.
const GRPC: Face<'static> = Face { name: "grpc", environment: &[], configuration: None };

/// Over how many connections the calls go.
const CONNECTIONS: usize = 4;

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Calls a second, latency and CPU per call, beside the echo's (the default).
    Throughput(rounds::RoundsOptions),
    /// Idle memory, and the time from start to ready, on an empty store and a full one.
    Start,
    /// Rates beside the echo's, memory, disk and the time to open again, at some numbers of live codes.
    Scale(scale::ScaleOptions),
    /// What codes that are deleted long before their end leave on the disk.
    Growth(growth::GrowthOptions),
    /// A constant rate for a long time.
    Soak(soak::SoakOptions),
    /// What open watches cost the server's memory, and how soon they learn of a delete.
    Watches,
    /// TempPasses: authorizations beside the echo, resets in one stream and of all.
    TempPass(rounds::RoundsOptions),
    /// Codes over Redis: calls beside the echo's, what a code takes of its memory, and watches across two servers.
    Redis(rounds::RoundsOptions),
    /// What a JWT and TLS cost a create.
    Secured(rounds::RoundsOptions),
    /// TLS handshakes, full and resumed, beside a server that does nothing else.
    Handshakes(rounds::RoundsOptions),
    /// The echo itself.
    #[command(hide = true)]
    Echo,
    /// The server itself that does nothing but handshakes.
    #[command(hide = true)]
    Handshaker {
        /// Its certificate, in hexadecimal.
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
