//! The stores: implementations of the domain's ports ([`crate::domain::port`]).
//!
//! To add one: implement the ports by the domain's rules (`temp_pass::decide`, `code_life`), write a `Harness` and its
//! `StoreTime`, and let `conformance` run every behaviour against it. What is true of one store and not of the
//! ports is tested beside that store.

#[cfg(test)]
pub(crate) mod conformance;
pub mod embedded;
pub mod memory;
