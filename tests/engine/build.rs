//! Compiles the library that servers with a faked time are started with.

#![forbid(unsafe_code)]

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=src/faked_time.c");
    // On other systems the rest of the workspace still builds.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system != "linux") {
        return;
    }
    let library = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("faked_time.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&library)
        .arg("src/faked_time.c")
        .status()
        .expect("a C compiler called cc");
    assert!(compiled.success(), "src/faked_time.c does not compile");
}
