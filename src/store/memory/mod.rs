//! State that a process keeps in its own memory and does not share.

mod leaky_bucket;
mod limits;

pub(crate) use limits::MemoryLimits;
