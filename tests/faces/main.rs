//! Both faces as their clients meet them: the real application in this process, over a real socket, with a clock and
//! randomness that the test holds.

#![forbid(unsafe_code)]

mod access;
mod grpc;
mod guess;
mod rest;
mod support;
mod tls;
