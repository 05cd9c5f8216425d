//! The command-line interface: one file per command.

mod caller;
mod config;
mod dial;
mod doctor;
mod explain;
mod keys;
mod operate;
mod revoke;
mod serve;
mod statement;
mod store;
mod temp_pass;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use rustix::fs::Mode;

use crate::error_chain::ErrorChain;

const EXAMPLES: &str = "\
Examples:
  passbridge serve
      gRPC on 127.0.0.1:50051, REST on 127.0.0.1:8080, health and metrics on 127.0.0.1:9464, data in ./passbridge-data

  passbridge token --requestor REF
      an access token for a first REST call to that server

  passbridge statement --requestor REF --client-name \"TV app\"
      a software statement that an application's devices register with

  passbridge caller new --name player --requestor REF --permission codes.create --permission codes.read
      a token for a service that calls over gRPC, and the caller's configuration entry

  passbridge serve --config /etc/passbridge.toml
      the same server, configured by a file

  PASSBRIDGE_GRPC__LISTEN=127.0.0.1:6000 passbridge serve
      one configuration key, set by its environment variable

  grpcurl -plaintext -d '{\"requestor_id\": \"REF\", \"device_info\": {\"model\": \"Roku\", \"os_name\": \"Roku OS\"}}' \\
      127.0.0.1:50051 passbridge.v1.RegistrationCodeService/CreateRegistrationCode
      a first registration code";

/// A gRPC and REST service for pay-TV clientless devices.
#[derive(Debug, Parser)]
#[command(name = "passbridge", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Configuration file (TOML). Without one, every key has its default value.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the server until SIGTERM or SIGINT. SIGHUP reloads environments, requestors, callers, REST clients and TLS.
    Serve,
    /// Print an access token for REST calls. Registers a client and requests its token, as a device does.
    Token(token::TokenArgs),
    /// Print a software statement that an application's devices register with.
    Statement(statement::StatementArgs),
    /// Create configuration entries for gRPC callers.
    #[command(subcommand)]
    Caller(caller::CallerCommand),
    /// Revoke a software statement, a client, or everything issued before a point in time.
    Revoke(revoke::RevokeArgs),
    /// Create keys for the key ring, and reseal the store's secrets.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Copy one store to another.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Explain the probable causes of an error, with their remedies.
    Explain(explain::ExplainArgs),
    /// Check TLS, the callers' keys and the upstream of each environment, step by step.
    Doctor(doctor::DoctorArgs),
    /// Reset TempPass trials, and list reset schedules.
    #[command(subcommand)]
    TempPass(temp_pass::TempPassCommand),
    /// Check the configuration, or print its reference.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Runs the command given on the process's command line.
#[must_use]
pub fn run() -> ExitCode {
    // The embedded store's engine creates files in the data folder that contain secrets: only this user may read them.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let cli = Cli::parse();
    let outcome = match cli.command {
        CliCommand::Serve => serve::run(cli.config),
        CliCommand::Token(token) => token::run(token, cli.config.as_deref()),
        CliCommand::Statement(statement) => statement::run(statement, cli.config.as_deref()),
        CliCommand::Caller(command) => caller::run(command),
        CliCommand::Revoke(revoke) => revoke::run(revoke, cli.config.as_deref()),
        CliCommand::Keys(command) => keys::run(command, cli.config.as_deref()),
        CliCommand::Store(command) => store::run(&command, cli.config.as_deref()),
        CliCommand::Explain(explain) => explain::run(&explain),
        CliCommand::Doctor(doctor) => doctor::run(doctor, cli.config.as_deref()),
        CliCommand::TempPass(command) => temp_pass::run(command, cli.config.as_deref()),
        CliCommand::Config(command) => config::run(&command, cli.config.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passbridge: {}", ErrorChain(&*error));
            ExitCode::FAILURE
        }
    }
}
