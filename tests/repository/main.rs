//! What the repository keeps in step by its own tools.

#![forbid(unsafe_code)]

mod bindings;
mod tree;
mod workspace;
