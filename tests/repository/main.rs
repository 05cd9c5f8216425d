//! Checks of committed files: bindings, released protos, the client behavior table, assumptions, documents.

#![forbid(unsafe_code)]

mod assumptions;
mod behaviours;
mod bindings;
mod released;
mod tree;
mod workspace;
