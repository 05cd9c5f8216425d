//! Tests of the test engines, with the real programs.

#![forbid(unsafe_code)]

mod cluster;
mod faked_time;
mod program;
mod proxy;
mod server;
mod support;
