//! What has to be looked at now and then, on a thread of its own, since all of it may block.

use std::{
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use fjall::UserKey;
use tokio::sync::mpsc::WeakSender;

use super::{
    bucket::Bucket,
    committer::Message,
    engine::{self, Engine},
    handle::Core,
    ledger_operation::{RemoveEnded, lasts},
    operation::Pending,
    record,
};
use crate::domain::{clock::Timestamp, port::StoreResult};

/// How often the free space and the buckets are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// After so many looks, entries that have ended are removed from among the lasting ones: once an hour, since
/// they are few, and reads do not see them.
const LOOKS_PER_SWEEP: u32 = 3600;

/// How many entries one command removes.
const SWEEP_CHUNK: usize = 256;

/// Works until the committer has ended, which holds the other end of `deleted`.
pub fn run(core: &Weak<Core>, queue: &WeakSender<Message>, deleted: &Receiver<Vec<Bucket>>) {
    let mut looks = 0;
    loop {
        match deleted.recv_timeout(INTERVAL) {
            Ok(buckets) => drop(buckets),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                looks += 1;
                look(core, queue, looks % LOOKS_PER_SWEEP == 0);
            }
        }
    }
}

fn look(core: &Weak<Core>, queue: &WeakSender<Message>, sweep: bool) {
    let (Some(core), Some(queue)) = (core.upgrade(), queue.upgrade()) else { return };
    core.space.look();
    let Some(engine) = core.engine.load_full() else { return };
    let now = core.clock.now();
    if engine.has_ended_buckets(now) {
        // Where the queue is full there is a next look.
        let _ = queue.try_send(Message::DeleteEndedBuckets);
    }
    if sweep {
        match ended_entries(&engine, now) {
            Ok(keys) => {
                for keys in keys.chunks(SWEEP_CHUNK) {
                    let (command, _) = Pending::new(RemoveEnded { keys: keys.to_vec() });
                    let _ = queue.blocking_send(Message::Operation(command));
                }
            }
            Err(error) => tracing::warn!(%error, "ended ledger entries could not be looked for"),
        }
    }
}

/// The lasting entries that have ended.
pub fn ended_entries(engine: &Engine, now: Timestamp) -> StoreResult<Vec<UserKey>> {
    let mut ended = Vec::new();
    for guard in engine.lasting.prefix([record::LEDGER]) {
        let (key, value) = guard.into_inner().map_err(engine::unavailable)?;
        if !lasts(&record::decode_ledger(&value)?, now) {
            ended.push(key);
        }
    }
    Ok(ended)
}
