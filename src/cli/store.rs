//! `passbridge store`: what is done with a whole store.

use std::{
    error::Error,
    iter,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tokio::runtime::Builder;

use crate::{
    app, config,
    service::store_copy::{Copied, Counts},
};

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Copy all that one store holds to another one, between the embedded store and Redis in any direction, and compare both.
    ///
    /// The target has to be empty. Stop every server over either store before, and start those over the target when all is
    /// copied. A copy that was broken off goes on with the same command; until it has come to its end no server starts over the
    /// target. Environment variables complete neither configuration.
    Copy(Copy),
}

#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The configuration of the store that is copied.
    #[arg(long, value_name = "CONFIG")]
    from: PathBuf,
    /// The configuration of the store that it is copied to.
    #[arg(long, value_name = "CONFIG")]
    to: PathBuf,
}

pub(super) fn run(command: &Store, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let Store::Copy(Copy { from, to }) = command;
    if file.is_some() {
        return Err("--config: has no meaning here; --from and --to name the configurations".into());
    }
    // A variable would be meant for one of the two, and nobody knows for which.
    let read = |file: &Path| config::load(Some(file), iter::empty());
    let (from, to) = (read(from)?, read(to)?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    print(&runtime.block_on(app::copy_store(from, to))?);
    Ok(())
}

fn print(copied: &Copied) {
    println!("{:<24}{:>12}{:>15}{:>17}", "", "copied", "already there", "ended meanwhile");
    let line = |name: &dyn std::fmt::Display, counts: &Counts| {
        println!("{name:<24}{:>12}{:>15}{:>17}", counts.copied, counts.present, counts.ended);
    };
    for (part, counts) in &copied.parts {
        line(part, counts);
    }
    line(&"all", &copied.total());
    for name in &copied.unreadable {
        println!("left out, since it cannot be opened: {name}");
    }
    println!("compared: the target holds all that the source holds, and nothing else");
}
