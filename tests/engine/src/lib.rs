//! Real Redis and Valkey servers for tests, benchmarks and manual use: a [`Server`] or a [`Cluster`], optionally with a wall
//! clock that the test controls ([`FakedTime`]) and a [`Proxy`] in front of each server.
//!
//! Everything here blocks briefly, needs no async runtime, panics on failure, and runs on Linux only. A server lives as long
//! as its value. A server in a `static` lives as long as the process and leaves its folder behind.

#![forbid(unsafe_code)]

mod cluster;
mod connection;
mod faked_time;
mod options;
mod port;
mod process;
mod product;
mod proxy;
mod server;
mod until;

pub use crate::{
    cluster::{Cluster, ClusterOptions, SLOTS, SlotMove},
    connection::{Connection, Reply},
    faked_time::FakedTime,
    options::{ServerOptions, Tls},
    product::Product,
    proxy::Proxy,
    server::Server,
};
