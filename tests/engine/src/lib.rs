//! Real engines of the Redis kind, for tests, benchmarks and people: a [`Server`] or a [`Cluster`], with a time
//! of day in the test's hands ([`FakedTime`]) and a [`Proxy`] between it and its clients where the test likes.
//!
//! Everything here blocks for a moment and needs no runtime, panics where it fails, and is for Linux. A server lives as long as its value; one
//! in a `static` lives as long as the process, and leaves its folder behind.

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
