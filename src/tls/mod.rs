//! TLS: certificates, keys and CAs from PEM files, and the TLS settings of connections.
//!
//! `pem` parses files, `server` has the settings of a listener and `client` those of a command; `names` reads
//! the names in client certificates.

mod client;
mod names;
mod pem;
mod server;

pub(crate) use client::{ClientTlsError, ServerTrust, client_config};
pub(crate) use names::credential_of;
pub(crate) use server::{ALPN_GRPC, ALPN_REST, ServerTlsError};
pub use server::{ServerTls, Validity};
