//! What the repository keeps in step by its own tools: bindings, released protos.

#![forbid(unsafe_code)]

mod bindings;
mod released;
mod tree;
mod workspace;
