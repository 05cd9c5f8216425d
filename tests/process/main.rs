//! The program as operators run it: command line, signals, crashes, failing disks.

#![forbid(unsafe_code)]

mod audit;
mod bridge;
mod callers;
mod client;
mod collector;
mod command_line;
mod crash;
mod disk;
mod documents;
mod grpcurl;
mod interrupted_login;
mod keys;
mod life;
mod log;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/markdown.rs"]
mod markdown;
mod operations;
mod secrets;
mod start;
mod support;
mod temp_pass;
mod tls;
mod trace;
mod watches;
