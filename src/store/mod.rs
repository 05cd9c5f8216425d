//! The stores: implementations of the ports in [`crate::domain::port`].
//!
//! To add a store:
//!
//! 1. Create a folder here.
//! 2. Implement `Codes`, `Trials` and `Ledger` on top of the domain's rules (`temp_pass::decide`, `code_life`).
//! 3. Implement `Transfer`, which exports and imports copies, and `StoreHealth`.
//! 4. Provide `Limits`: a store that belongs to one process uses those of `memory`; a store that replicas share keeps its own.
//! 5. Write a `Harness` and its `StoreTime`, and run the `conformance` suite against the store. Test behavior that is specific to
//!    the store in the store's own module.
//!
//! `known_devices` works over the ledger of any store.
//!
//! The destination of the audit log (`AuditSink`) is configured separately: `audit_lines`, or a sink of the store.
//! `app::store` opens both. A new variant of `config::StoreKind` makes every `match` that depends on it fail to compile.

pub(crate) mod audit_lines;
#[cfg(test)]
pub(crate) mod conformance;
pub mod embedded;
pub mod known_devices;
pub(crate) mod memory;
pub mod redis;
mod watch_hub;
