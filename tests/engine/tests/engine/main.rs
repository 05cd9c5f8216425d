//! What the engines for tests do, shown with the real programs.

#![forbid(unsafe_code)]

mod cluster;
mod faked_time;
mod program;
mod proxy;
mod server;
mod support;
