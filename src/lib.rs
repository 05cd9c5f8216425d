//! passbridge: one typed gRPC API for the pay-TV clientless device operations.
//!
//! `ARCHITECTURE.md` has the map and the way of a request. In short, dependencies point inward:
//! `grpc | rest → service → domain`, `store → domain`, and only [`app`], which `cli` runs, knows all of them.

pub mod admin;
pub mod app;
pub mod auth;
pub mod backend;
pub mod cli;
pub mod config;
pub mod domain;
pub mod format;
pub mod grpc;
pub mod outbound;
pub mod proto;
pub mod rest;
pub mod server;
pub mod service;
pub mod store;
pub mod telemetry;
