//! The `passbridge` program. All its code is in the library, where tests can reach it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Takes fewer instructions per allocation than the system allocator, and returns memory to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    passbridge::cli::run()
}
