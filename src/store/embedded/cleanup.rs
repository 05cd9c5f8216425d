//! The cleanup task. It runs on its own thread, because all of its work may block.

use std::{
    ops::Bound,
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use fjall::UserKey;
use tokio::sync::mpsc::{Sender, WeakSender};

use super::{
    bucket::Bucket,
    committer::Message,
    engine::{self, EmbeddedEngine},
    handle::StoreCore,
    ledger_operation::{RemoveExpiredEntries, is_live},
    operation::{BatchCommand, PendingCommand},
    record,
    trial_expiry::{RemoveExpiredTrials, RemoveStaleTrials, ended_keys, expired_rows},
    trusted_time::{ClockCheck, TrustedTime},
};
use crate::domain::{clock::Timestamp, port::StoreResult};

/// The interval between passes. Each pass checks the free space and the buckets.
const INTERVAL: Duration = Duration::from_secs(1);

/// The number of passes between sweeps for expired ledger entries outside the buckets: one hour. It can be long, because
/// reads ignore expired entries.
const PASSES_PER_SWEEP: u32 = 3600;

/// The maximum number of entries that a sweep reads per pass. There may be millions of entries for devices, so a sweep spans
/// as many passes as it needs.
const ENTRIES_PER_PASS: usize = 20_000;

/// The maximum number of trial records, and of ledger entries, removed per pass: a few milliseconds of work, and up to seven
/// million an hour.
const REMOVALS_PER_PASS: usize = 2_000;

/// The maximum number of entries that one command removes.
const SWEEP_CHUNK: usize = 256;

/// The position of each search for removable records. The next pass continues from there: for the engine, skipping over
/// removed keys takes as long as reading present ones.
#[derive(Debug, Default)]
struct CleanupProgress {
    expired: Option<UserKey>,
    ended: Option<UserKey>,
    is_sweeping: bool,
    /// The last entry that the current sweep has read.
    swept: Option<UserKey>,
}

/// Runs until the committer, which holds the sender of `deleted`, has stopped.
pub(super) fn run(
    core: &Weak<StoreCore>,
    queue: &WeakSender<Message>,
    deleted: &Receiver<Vec<Bucket>>,
    mut time: TrustedTime,
) {
    let mut passes = 0;
    let mut progress = CleanupProgress::default();
    loop {
        match deleted.recv_timeout(INTERVAL) {
            Ok(buckets) => forget(core, buckets),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                passes += 1;
                run_pass(core, queue, passes % PASSES_PER_SWEEP == 0, &mut progress, &mut time);
            }
        }
    }
}

/// Drops deleted buckets and removes them from the index.
fn forget(core: &Weak<StoreCore>, buckets: Vec<Bucket>) {
    let Some(engine) = core.upgrade().and_then(|core| core.engine.load_full()) else { return };
    let ids: Vec<_> = buckets.iter().map(Bucket::id).collect();
    drop(buckets);
    engine.index.forget(&ids);
}

fn run_pass(
    core: &Weak<StoreCore>,
    queue: &WeakSender<Message>,
    sweep: bool,
    progress: &mut CleanupProgress,
    time: &mut TrustedTime,
) {
    let (Some(core), Some(queue)) = (core.upgrade(), queue.upgrade()) else { return };
    core.space.refresh();
    let Some(engine) = core.engine.load_full() else { return };
    let now = match time.check(core.clock.now(), core.clock.instant()) {
        ClockCheck::Trusted(now) => now,
        ClockCheck::Untrusted => return,
        ClockCheck::Stepped(by_ms) => {
            tracing::warn!(by_ms, "wall clock stepped");
            return;
        }
        ClockCheck::Settled(by_ms) => {
            tracing::warn!(
                by_ms,
                "wall clock step accepted, records that are expired by the new time are deleted from now on"
            );
            return;
        }
    };
    if engine.has_expired_buckets(now) {
        // If the queue is full, the next pass tries again.
        let _ = queue.try_send(Message::DeleteExpiredBuckets(now));
    }
    if let Err(error) = remove_trials(&engine, &queue, now, progress) {
        tracing::warn!(%error, "search for forgotten trials failed");
    }
    if sweep {
        // Start over: trials that were not due when the search passed them, because the clock had gone back, may be due now.
        progress.expired = None;
        progress.is_sweeping = true;
    }
    if progress.is_sweeping {
        let ended = expired_entries(&engine, now, progress.swept.as_ref()).unwrap_or_else(|error| {
            tracing::warn!(%error, "search for expired ledger entries failed");
            ExpiredEntries::default()
        });
        remove(&queue, &ended.keys, |keys| RemoveExpiredEntries { keys, ended_by: now });
        progress.is_sweeping = ended.last.is_some();
        progress.swept = ended.last;
    }
}

/// Submits the removal of these keys to the committer, in chunks, so that other commands run in between.
fn remove<C: BatchCommand>(queue: &Sender<Message>, keys: &[UserKey], command: impl Fn(Vec<UserKey>) -> C) {
    for keys in keys.chunks(SWEEP_CHUNK) {
        let (command, _) = PendingCommand::new(command(keys.to_vec()));
        let _ = queue.blocking_send(Message::Operation(command));
    }
}

fn remove_trials(
    engine: &EmbeddedEngine,
    queue: &Sender<Message>,
    now: Timestamp,
    progress: &mut CleanupProgress,
) -> StoreResult<()> {
    let rows = expired_rows(engine, now, progress.expired.as_ref(), REMOVALS_PER_PASS)?;
    remove(queue, &rows, |rows| RemoveExpiredTrials { rows, expired_by: now });
    progress.expired = rows.into_iter().next_back().or(progress.expired.take());
    let keys = ended_keys(engine, progress.ended.as_ref(), REMOVALS_PER_PASS)?;
    remove(queue, &keys, |keys| RemoveStaleTrials { keys });
    progress.ended = keys.into_iter().next_back().or(progress.ended.take());
    Ok(())
}

/// Expired ledger entries outside the buckets.
#[derive(Default)]
pub(super) struct ExpiredEntries {
    pub keys: Vec<UserKey>,
    /// The last entry that was read, if there are more to read.
    pub last: Option<UserKey>,
}

/// Finds expired ledger entries outside the buckets, starting after the key `after`, up to the limits of one pass.
pub(super) fn expired_entries(
    engine: &EmbeddedEngine,
    now: Timestamp,
    after: Option<&UserKey>,
) -> StoreResult<ExpiredEntries> {
    let (first, end) = (UserKey::new(&[record::LEDGER]), UserKey::new(&[record::LEDGER + 1]));
    let start = after.map_or(Bound::Included(&first), Bound::Excluded);
    let mut keys = Vec::new();
    let entries = engine.lasting.range::<&UserKey, _>((start, Bound::Excluded(&end)));
    for (index, guard) in entries.enumerate() {
        let (key, value) = guard.into_inner().map_err(engine::unavailable)?;
        match record::decode_ledger(&value) {
            Ok(entry) if is_live(&entry, now) => {}
            Ok(_) => keys.push(key.clone()),
            Err(error) => tracing::warn!(%error, "ledger entry cannot be decoded and is not removed"),
        }
        if index + 1 == ENTRIES_PER_PASS || keys.len() == REMOVALS_PER_PASS {
            return Ok(ExpiredEntries { keys, last: Some(key) });
        }
    }
    Ok(ExpiredEntries { keys, last: None })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::TryStreamExt;

    use super::*;
    use crate::{
        domain::{
            clock::{Clock, ManualClock},
            port::Ledger,
        },
        store::{
            conformance::sample::{entry, ledger_key, ledger_kind},
            embedded::{EmbeddedOptions, EmbeddedStore},
        },
        telemetry::CapturedLog,
    };

    #[test]
    fn a_sweep_spans_several_passes_and_removes_all_expired_entries() {
        const ENDED: usize = REMOVALS_PER_PASS + 10;
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let store = EmbeddedStore::open(EmbeddedOptions::new(folder.path(), clock.clone())).expect("opens");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let day = Duration::from_secs(86_400);
        let put = |index: usize| {
            let end = clock.now() + if index.is_multiple_of(2) { day * 2 } else { day };
            let (store, key) = (store.clone(), ledger_key("kind", &format!("{index:05}")));
            async move { store.put_if_absent(&key, entry("x", Some(end))).await.expect("works") }
        };
        runtime.block_on(futures_util::future::join_all((0..2 * ENDED).map(put)));
        let (queue, mut messages) = tokio::sync::mpsc::channel(64);
        let mut time = TrustedTime::new(clock.now(), clock.instant());
        clock.advance(day);
        let mut progress = CleanupProgress::default();
        let mut commands = |sweep| {
            let (core, queue) = (Arc::downgrade(&store.core), queue.downgrade());
            run_pass(&core, &queue, sweep, &mut progress, &mut time);
            std::iter::from_fn(|| messages.try_recv().ok()).count()
        };
        assert_eq!(commands(false), 0, "no sweep has started");
        assert_eq!(commands(true), REMOVALS_PER_PASS.div_ceil(SWEEP_CHUNK));
        assert_eq!(commands(false), 1, "the sweep continues");
        assert_eq!(commands(false), 0, "the sweep is complete");
        assert_eq!(commands(true), REMOVALS_PER_PASS.div_ceil(SWEEP_CHUNK), "the next sweep starts over");

        let engine = store.core.engine.load_full().expect("open");
        let mut after = None;
        let mut ended = || {
            let ExpiredEntries { keys, last } =
                expired_entries(&engine, clock.now(), after.as_ref()).expect("readable");
            after = last;
            keys
        };
        for expected in [REMOVALS_PER_PASS, ENDED - REMOVALS_PER_PASS, 0] {
            let keys = ended();
            assert_eq!(keys.len(), expected);
            let remove = store.submit(RemoveExpiredEntries { keys, ended_by: clock.now() });
            runtime.block_on(remove).expect("works");
        }
        let left: Vec<_> = runtime.block_on(store.scan(ledger_kind("kind")).try_collect()).expect("works");
        assert_eq!(left.len(), ENDED);
    }

    #[test]
    fn a_wall_clock_step_is_logged_when_it_is_detected_and_when_it_is_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let store = EmbeddedStore::open(EmbeddedOptions::new(folder.path(), clock.clone())).expect("opens");
        let (queue, _messages) = tokio::sync::mpsc::channel(1);
        let mut time = TrustedTime::new(clock.now(), clock.instant());
        let mut logged = || {
            let log = CapturedLog::of_this_thread();
            let (core, queue) = (Arc::downgrade(&store.core), queue.downgrade());
            run_pass(&core, &queue, false, &mut CleanupProgress::default(), &mut time);
            log.text()
        };
        assert_eq!(logged(), "");
        clock.step_to(clock.now() + Duration::from_secs(7_200));
        let line = logged();
        assert!(line.contains("wall clock stepped") && line.contains("by_ms=7200000"), "{line}");
        clock.advance(Duration::from_secs(3_599));
        assert_eq!(logged(), "");
        clock.advance(Duration::from_secs(1));
        let line = logged();
        assert!(line.contains("wall clock step accepted"), "{line}");
        assert!(line.contains("by_ms=7200000"), "{line}");
        assert_eq!(logged(), "", "logged only once");
    }
}
