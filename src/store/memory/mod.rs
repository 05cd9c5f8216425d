//! What one process keeps in its own memory, and no other one sees.

mod leaky_bucket;
mod limits;

pub(crate) use limits::MemoryLimits;
