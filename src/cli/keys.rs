//! `passbridge keys`: the keys that secrets in the store are sealed with.

use std::{error::Error, path::Path};

use clap::{Args, Subcommand};

use super::operate::{operate, perform};
use crate::{
    admin::{Answer, Command},
    auth::{KeyRing, Rotation},
    domain::randomness::{OsRandomness, Randomness},
};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a key, and print it as a line for the key ring (store.key_ring). It is kept nowhere else.
    New(New),
    /// Read the key ring again, and seal every secret in the store with its first key, on a running server too. Then the
    /// other keys can leave the ring. May be broken off, and begun again.
    Rotate,
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The key's id, by which secrets name it; eight random hexadecimal digits where left out.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

pub(super) fn run(command: Keys, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match command {
        Keys::New(New { id }) => new(id),
        Keys::Rotate => rotate(file),
    }
}

fn new(id: Option<String>) -> Result<(), Box<dyn Error>> {
    let id = id.map_or_else(random_id, Ok)?;
    let line = KeyRing::new_line(&id, &OsRandomness)?;
    let is_line = KeyRing::parse(line.reveal()).is_ok_and(|key_ring| key_ring.sealing_id() == id);
    if !is_line {
        return Err(
            "--id: takes 1 to 255 bytes in one line, without a colon, blanks at the ends, or # in front"
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
    let answer = operate(file, |config| async move { perform(&config, Command::RotateKeys).await })?;
    let Answer::KeysRotated(Rotation { key, resealed, secrets }) = answer else {
        return Err("the running server rotated nothing".into());
    };
    println!("{resealed} of {secrets} secrets were sealed anew; all are sealed with the key {key:?} now");
    Ok(())
}
