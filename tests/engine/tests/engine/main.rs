//! What the engines for tests do, shown with the real programs.

#![forbid(unsafe_code)]

mod faked_time;
mod server;
mod support;
