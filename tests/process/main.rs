//! The program as operators run it: command line, signals, crashes, failing disks.

#![forbid(unsafe_code)]

mod audit;
mod bindings;
mod bridge;
mod callers;
mod client;
mod collector;
mod command_line;
mod cookbook;
mod crash;
mod disk;
mod document;
mod grpcurl;
mod interrupted_login;
mod keys;
mod life;
mod log;
mod operations;
mod readme;
mod recipe;
mod screens;
mod secrets;
mod start;
mod support;
mod temp_pass;
mod tls;
mod trace;
mod watches;
