//! `passbridge keys`: manages the keys that seal the secrets in the store.

use std::{error::Error, path::Path};

use clap::{Args, Subcommand};

use super::operate::{operate, perform};
use crate::{
    admin::{OperatorCommand, OperatorResponse},
    auth::{KeyRing, Rotation},
    domain::randomness::{OsRandomness, Randomness},
};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Create a key and print it as a line for the key ring (store.key_ring). passbridge does not store it.
    New(NewKeyArgs),
    /// Reread the key ring and reseal every secret in the store with its first key. Also works on a running server.
    /// Afterwards the other keys may be removed from the key ring. If interrupted, run it again.
    Rotate,
}

#[derive(Debug, Args)]
pub(super) struct NewKeyArgs {
    /// Id of the key, which sealed secrets refer to. Default: eight random hexadecimal digits.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

pub(super) fn run(command: KeysCommand, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        KeysCommand::New(NewKeyArgs { id }) => new(id),
        KeysCommand::Rotate => rotate(file),
    }
}

fn new(id: Option<String>) -> Result<(), Box<dyn Error>> {
    let id = id.map_or_else(random_id, Ok)?;
    let line = KeyRing::new_line(&id, &OsRandomness)?;
    let is_line = KeyRing::parse(line.reveal()).is_ok_and(|key_ring| key_ring.sealing_id() == id);
    if !is_line {
        return Err(
            "--id: must be 1 to 255 bytes on one line, without a colon, leading or trailing blanks, or a leading #"
                .into(),
        );
    }
    println!("{}", line.into_revealed());
    Ok(())
}

fn random_id() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 4];
    OsRandomness.fill(&mut bytes)?;
    Ok(format!("{:08x}", u32::from_be_bytes(bytes)))
}

fn rotate(file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let answer = operate(file, |config| async move { perform(&config, OperatorCommand::RotateKeys).await })?;
    let OperatorResponse::KeysRotated(Rotation { key, resealed, secrets }) = answer else {
        return Err("the running server returned no rotation result".into());
    };
    println!("resealed {resealed} of {secrets} secrets; all secrets are now sealed with key {key:?}");
    Ok(())
}
