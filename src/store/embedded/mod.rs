//! The embedded store. It keeps all data in one folder and acknowledges a write only when the write is on disk.
//!
//! ```text
//! callers ──► queue ──► committer (one thread) ──► engine: journal + sync, then memory
//!    │                      │ after the sync: responses, signals to watchers
//!    └── reads: directly from the engine, on the caller's thread
//! ```
//!
//! - `committer`: takes queued commands, lets each `operation` decide inside a `transaction`, commits all
//!   of them with one sync (group commit), and only then responds.
//! - `engine`: the LSM engine's keyspaces. Records with an expiry are stored in a `bucket` with records that expire at
//!   about the same time. The store deletes a bucket as a whole.
//! - `index`: maps each record to its bucket; the `indexer` fills it when the store is opened.
//! - `live_count`: the exact number of live codes, maintained without scanning them.
//! - `cleanup`: the cleanup task. Every second it checks the free space and deletes expired buckets; once an hour it
//!   removes expired records outside the buckets.
//! - `journal_repair`: opens a journal that a power cut has left torn, which the engine refuses, and refuses damage that the
//!   engine would accept with loss of data.
//! - `handle`: the store's public handle; `codes`, `trials`, `ledger` and `transfer` implement its ports.

mod bucket;
mod cleanup;
mod code_operation;
mod codes;
mod committer;
mod engine;
mod free_space;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
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
