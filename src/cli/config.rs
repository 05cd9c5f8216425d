//! `passbridge config`: look at the configuration without running a server.

use std::{env, error::Error, path::Path};

use clap::Subcommand;

use crate::{app, config};

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Say whether the configuration can be used, and what is wrong with it if not.
    Check,
    /// Print every key with its meaning and default, as Markdown.
    Reference,
}

pub(super) fn run(command: &Config, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        Config::Check => {
            app::check(config::load(file, env::vars_os())?)?;
            println!("the configuration can be used");
        }
        Config::Reference => print!("{}", config::reference()),
    }
    Ok(())
}
