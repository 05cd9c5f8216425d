//! Checks of committed files: bindings, released protos, the client behavior table, assumptions, documents.

#![forbid(unsafe_code)]

mod assumptions;
mod behaviours;
mod bindings;
mod documents;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/markdown.rs"]
mod markdown;
mod released;
mod tree;
mod workspace;
