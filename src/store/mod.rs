//! The stores: implementations of the domain's ports ([`crate::domain::port`]).
//!
//! To add one, make a folder here. Implement `Codes`, `Trials` and `Ledger` by the domain's rules (`temp_pass::decide`,
//! `code_life`), `Transfer`, by which copies come and go, and `StoreHealth`. Bring `Limits`: a store that one process has takes
//! those of `memory`, one that replicas share keeps them itself. Write a `Harness` and its `StoreTime`, and let `conformance` run
//! every behaviour against it. `known_devices` needs nothing but its ledger. What is true of one store and not of the ports is tested beside that store.
//!
//! Where the audit log goes (`AuditSink`) is chosen apart from the store: `audit_lines`, or what a store has for it.
//! `app::store` opens both; a further `config::StoreKind` does not compile before all that depends on it is said.

pub(crate) mod audit_lines;
#[cfg(test)]
pub(crate) mod conformance;
pub mod embedded;
pub mod known_devices;
pub(crate) mod memory;
pub mod redis;
mod watch_hub;
