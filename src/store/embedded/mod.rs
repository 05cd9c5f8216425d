//! The embedded store: everything in one folder, acknowledged only when it is on disk.
//!
//! ```text
//! callers ──► queue ──► committer (one thread) ──► engine: journal + sync, then memory
//!    │                      │ after the sync: answers, signals to watchers
//!    └── reads: straight to the engine, on the caller's own thread
//! ```
//!
//! - `committer`: takes what is queued, lets each `operation` decide inside a `transaction`, commits all
//!   of them by one sync and only then answers.
//! - `engine`: the LSM engine's keyspaces. Records that end live in a `bucket` with others that end at
//!   about the same time, and go with it, whole.
//! - `index`: which bucket a record lies in; the `indexer` fills it when the store is opened.
//! - `live_count`: how many codes live, exactly, without counting them.
//! - `housekeeper`: once a second a look at the free space and at buckets whose time is over; now and then at what
//!   lies elsewhere and has ended.
//! - `journal_repair`: opens after a power cut what the engine would refuse, and refuses what it would lose.
//! - `handle`: what the rest of passbridge holds; `codes`, `trials`, `ledger` and `transfer` are its ports.

mod bucket;
mod code_operation;
mod codes;
mod committer;
mod engine;
mod free_space;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod housekeeper;
mod index;
mod indexer;
mod journal_repair;
mod ledger;
mod ledger_operation;
mod live_count;
mod open;
mod operation;
mod private_files;
mod record;
mod scan;
mod statistics;
mod transaction;
mod transfer;
mod trial_expiry;
mod trial_key;
mod trial_operation;
mod trials;
mod trusted_time;

#[cfg(test)]
mod tests;

pub use free_space::{FileSystemSpace, FreeSpace};
pub use handle::EmbeddedStore;
pub use open::{EmbeddedOptions, OpenError};
pub use statistics::{COMMIT_SECONDS_BOUNDS, Statistics};
