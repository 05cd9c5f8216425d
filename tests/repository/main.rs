//! What the repository keeps in step by its own tools: bindings, released protos, the table of the clients, assumptions.

#![forbid(unsafe_code)]

mod assumptions;
mod behaviours;
mod bindings;
mod released;
mod tree;
mod workspace;
