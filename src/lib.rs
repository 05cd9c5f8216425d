//! passbridge: one typed gRPC API for pay-TV clientless device operations.
//!
//! `ARCHITECTURE.md` has the map and the lifecycle of a request. In short, dependencies point inward:
//! `grpc | rest → service → domain`, `store → domain`, and only [`app`], which `cli` runs, knows all of them.
//!
//! Public items are for the tests and benchmarks; the product is the program.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

pub mod admin;
pub mod app;
pub mod auth;
pub mod backend;
pub mod cli;
pub mod config;
pub mod domain;
mod error_chain;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grpc;
mod jwks_client;
mod outbound;
pub mod proto;
pub mod rest;
mod server;
pub mod service;
pub mod store;
mod telemetry;
pub mod tls;
mod whole_body;
