//! Real engines of the Redis kind, for tests, benchmarks and people: a [`Server`], with a time of day in the test's hands
//! ([`FakedTime`]) where it likes.
//!
//! Everything here blocks and needs no runtime, panics where it fails, and is for Linux. A server lives as long as its value; one
//! in a `static` lives as long as the process, and leaves its folder behind.

#![forbid(unsafe_code)]

mod connection;
mod faked_time;
mod options;
mod port;
mod process;
mod product;
mod server;
mod until;

pub use crate::{
    connection::{Connection, Reply},
    faked_time::FakedTime,
    options::{ServerOptions, Tls},
    product::Product,
    server::Server,
};
