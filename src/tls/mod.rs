//! TLS: certificates, keys and CAs as their files hold them, and what connections are opened with.
//!
//! `pem` reads files, `server` is what a listener shows and asks for, `client` the same for a command; `names` reads whom a
//! client's certificate names.

mod client;
mod names;
mod pem;
mod server;

pub(crate) use client::{ClientTlsError, ServerTrust, client_config};
pub(crate) use names::credential_of;
pub(crate) use server::{ALPN_GRPC, ALPN_REST, ServerTlsError};
pub use server::{ServerTls, Validity};
