//! The `passbridge` program. Everything it does is in the library, where the tests can reach it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Fewer instructions for each allocation than the system's allocator, and it gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    passbridge::cli::run()
}
