//! The command line: one file a command.

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
      a software statement for an application's devices to register with

  passbridge caller new --name player --requestor REF --permission codes.create --permission codes.read
      a token for a service that calls over gRPC, and its entry for the configuration

  passbridge serve --config /etc/passbridge.toml
      the same, configured by a file

  PASSBRIDGE_GRPC__LISTEN=127.0.0.1:6000 passbridge serve
      one key configured by its environment variable

  grpcurl -plaintext -d '{\"requestor_id\": \"REF\", \"device_info\": {\"model\": \"Roku\", \"os_name\": \"Roku OS\"}}' \\
      127.0.0.1:50051 passbridge.v1.RegistrationCodeService/CreateRegistrationCode
      a first code";

/// One typed gRPC API for the pay-TV clientless device operations.
#[derive(Debug, Parser)]
#[command(name = "passbridge", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The configuration file (TOML). Without one, everything has its default.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is asked to end (SIGTERM, SIGINT). SIGHUP reloads environments, requestors, callers, REST
    /// clients and TLS.
    Serve,
    /// Print an access token for REST calls: registers a client as a device does, and asks for its token.
    Token(token::Token),
    /// Print a software statement, with which an application's devices register.
    Statement(statement::Statement),
    /// Make entries for callers of gRPC.
    #[command(subcommand)]
    Caller(caller::Caller),
    /// Take back a software statement, a client, or all that was issued before some time.
    Revoke(revoke::Revoke),
    /// Make keys for the key ring, and seal the store's secrets anew.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Copy one store to another.
    #[command(subcommand)]
    Store(store::Store),
    /// Say what probably led to an error, and what to do about it.
    Explain(explain::Explain),
    /// Look whether TLS, callers' keys and the environments' upstreams work, step by step.
    Doctor(doctor::Doctor),
    /// Look after TempPasses.
    #[command(subcommand)]
    TempPass(temp_pass::TempPass),
    /// Check the configuration, or print its reference.
    #[command(subcommand)]
    Config(config::Config),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    // The engine makes files of its own in the data folder, with secrets in them: nobody else may read those.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve => serve::run(cli.config),
        Command::Token(token) => token::run(token, cli.config.as_deref()),
        Command::Statement(statement) => statement::run(statement, cli.config.as_deref()),
        Command::Caller(command) => caller::run(command),
        Command::Revoke(revoke) => revoke::run(revoke, cli.config.as_deref()),
        Command::Keys(command) => keys::run(command, cli.config.as_deref()),
        Command::Store(command) => store::run(&command, cli.config.as_deref()),
        Command::Explain(explain) => explain::run(&explain),
        Command::Doctor(doctor) => doctor::run(doctor, cli.config.as_deref()),
        Command::TempPass(command) => temp_pass::run(command, cli.config.as_deref()),
        Command::Config(command) => config::run(&command, cli.config.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passbridge: {}", ErrorChain(&*error));
            ExitCode::FAILURE
        }
    }
}
