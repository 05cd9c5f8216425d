//! `passbridge config`: works with the configuration without running a server.

use std::{env, error::Error, path::Path};

use clap::Subcommand;

use crate::{app, config};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check whether the configuration is valid, and report every error.
    Check,
    /// Print every key with its meaning and default, as Markdown.
    Reference,
}

pub(super) fn run(command: &ConfigCommand, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        ConfigCommand::Check => {
            app::check(config::load(file, env::vars_os())?)?;
            println!("the configuration is valid");
        }
        ConfigCommand::Reference => print!("{}", config::reference()),
    }
    Ok(())
}
