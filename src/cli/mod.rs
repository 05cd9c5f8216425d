//! The command line: one file a command.

mod config;
mod serve;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  passbridge serve
      gRPC on 127.0.0.1:50051, health and metrics on 127.0.0.1:9464, data in ./passbridge-data

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
    /// Run the server until it is asked to end (SIGTERM, SIGINT). SIGHUP reloads environments and requestors.
    Serve,
    /// Check the configuration, or print its reference.
    #[command(subcommand)]
    Config(config::Config),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve => serve::run(cli.config),
        Command::Config(command) => config::run(&command, cli.config.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passbridge: {}", Chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its sources, each said once.
struct Chain<'a>(&'a (dyn Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            let text = source.to_string();
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said.push_str(&text);
            }
            error = source;
        }
        Ok(())
    }
}
