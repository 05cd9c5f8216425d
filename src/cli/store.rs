//! `passbridge store`: operations on a whole store.

use std::{
    error::Error,
    iter,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tokio::runtime::Builder;

use crate::{
    app, config,
    service::store_copy::{CopyCounts, CopyReport},
};

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Copy everything from one store to another, between the embedded store and Redis in either direction, and compare
    /// both.
    ///
    /// The target must be empty. Stop every server on either store first. Start the servers on the target after the
    /// copy is complete. To resume an interrupted copy, run the same command again. No server starts on the target
    /// before the copy is complete. Environment variables are not applied to either configuration.
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// Configuration of the source store.
    #[arg(long, value_name = "CONFIG")]
    from: PathBuf,
    /// Configuration of the target store.
    #[arg(long, value_name = "CONFIG")]
    to: PathBuf,
}

pub(super) fn run(command: &StoreCommand, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let StoreCommand::Copy(CopyArgs { from, to }) = command;
    if file.is_some() {
        return Err("--config: not allowed here; name the two configurations with --from and --to".into());
    }
    // An environment variable cannot say which of the two configurations it is meant for.
    let read = |file: &Path| config::load(Some(file), iter::empty());
    let (from, to) = (read(from)?, read(to)?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    print(&runtime.block_on(app::copy_store(from, to))?);
    Ok(())
}

fn print(copied: &CopyReport) {
    println!("{:<24}{:>12}{:>15}{:>17}", "", "copied", "already there", "expired meanwhile");
    let line = |name: &dyn std::fmt::Display, counts: &CopyCounts| {
        println!("{name:<24}{:>12}{:>15}{:>17}", counts.copied, counts.present, counts.ended);
    };
    for (part, counts) in &copied.parts {
        line(part, counts);
    }
    line(&"all", &copied.total());
    for name in &copied.unreadable {
        println!("skipped because it cannot be opened: {name}");
    }
    println!("verified: the target has the same content as the source");
}
