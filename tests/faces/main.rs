//! Both faces, tested through real clients: the real application runs in this process behind a real socket, with a clock
//! and randomness that the test controls.

#![forbid(unsafe_code)]

mod access;
mod grpc;
mod guess;
mod rest;
mod support;
mod tls;
