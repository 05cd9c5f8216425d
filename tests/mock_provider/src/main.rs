//! The stand-in for the provider as a program of its own.

#![forbid(unsafe_code)]

use std::io;

use clap::Parser;
use mock_provider::Arguments;

fn main() -> io::Result<()> {
    mock_provider::main(&Arguments::parse())
}
