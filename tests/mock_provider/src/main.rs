//! The mock provider as a program.

#![forbid(unsafe_code)]

use std::io;

use clap::Parser;
use mock_provider::Arguments;

fn main() -> io::Result<()> {
    mock_provider::main(&Arguments::parse())
}
