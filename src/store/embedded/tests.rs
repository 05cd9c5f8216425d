//! The conformance suite for the embedded store, and tests specific to it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::StreamExt;

use super::{
    EmbeddedOptions, EmbeddedStore, FreeSpace, OpenError, cleanup, ledger_operation::RemoveExpiredEntries,
};
use crate::{
    domain::{
        clock::{Clock, ManualClock, Timestamp},
        error::StoreError,
        port::{Codes, Insertion, Ledger, Store, StoreHealth},
        registration_code::QUARANTINE,
    },
    format::golden,
    store::conformance::{
        Harness, StoreTime, conformance,
        sample::{NO_LIMIT, TTL, entry, ledger_key, registration},
    },
    telemetry::CapturedLog,
};

mod index;
mod trial_expiry;
mod unreadable;

struct EmbeddedHarness {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Mutex<EmbeddedStore>,
}

impl EmbeddedHarness {
    fn new() -> Self {
        Self::opened_by(|options| EmbeddedStore::open(options).expect("opens"))
    }

    fn opened_by(open: impl FnOnce(EmbeddedOptions) -> EmbeddedStore) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // A time that is not a multiple of any bucket width.
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000 + 123_456));
        let store = open(EmbeddedOptions::new(folder.path(), clock.clone()));
        Self { folder, clock, store: Mutex::new(store) }
    }

    fn embedded(&self) -> EmbeddedStore {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn options(&self) -> EmbeddedOptions {
        EmbeddedOptions::new(self.folder.path(), self.clock.clone())
    }

    async fn insert(&self, code: &str) -> Result<Insertion, StoreError> {
        self.embedded().insert_if_absent(&registration(self.clock.now(), code, TTL), NO_LIMIT, None).await
    }
}

#[async_trait]
impl Harness for EmbeddedHarness {
    fn store(&self) -> Store {
        self.embedded().ports()
    }

    fn time(&self) -> &dyn StoreTime {
        &*self.clock
    }

    async fn reopen(&self) -> bool {
        self.embedded().close().await.expect("closes");
        let store = EmbeddedStore::open(self.options()).expect("opens again");
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
        true
    }
}

/// The embedded store uses the clock that it is opened with.
#[async_trait]
impl StoreTime for ManualClock {
    fn read(&self) -> Timestamp {
        self.now()
    }

    async fn pass(&self, time: Duration) {
        self.advance(time);
    }
}

conformance!(EmbeddedHarness::new());

/// Waits for the cleanup task, which runs in real time.
async fn eventually(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "the condition did not hold within 20 seconds");
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            // The allocated size, because the engine preallocates the journal.
            Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata) * 512,
            Err(_) => 0,
        })
        .sum()
}

#[tokio::test]
async fn a_folder_in_use_cannot_be_opened_again() {
    let harness = EmbeddedHarness::new();
    let error = EmbeddedStore::open(harness.options()).err().expect("refused");
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert!(error.to_string().contains(&harness.folder.path().display().to_string()));
    harness.insert("CODE").await.expect("the first one still works");
}

#[tokio::test]
async fn dropping_a_store_releases_its_folder() {
    let EmbeddedHarness { folder, clock, store } = EmbeddedHarness::new();
    drop(store);
    eventually(|| EmbeddedStore::open(EmbeddedOptions::new(folder.path(), clock.clone())).is_ok()).await;
}

#[tokio::test]
async fn an_unfinished_scan_does_not_keep_the_folder_locked() {
    let harness = EmbeddedHarness::new();
    for index in 0..600 {
        harness.insert(&format!("CODE{index}")).await.expect("works");
    }
    let mut scan = Codes::scan(&harness.embedded());
    assert!(scan.next().await.is_some());
    harness.reopen().await;
    let last = scan.collect::<Vec<_>>().await.pop().expect("an item");
    assert!(matches!(last, Err(StoreError::Unavailable(_))));
}

#[test]
fn a_file_is_not_accepted_as_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "text").expect("written");
    for path in [file.clone(), file.join("below")] {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let error = EmbeddedStore::open(EmbeddedOptions::new(&path, clock)).err().expect("refused");
        assert!(matches!(error, OpenError::NotAFolder(_)), "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_created_is_reported() {
    // Even the superuser cannot create a folder here.
    let clock = ManualClock::new(Timestamp::from_millis(0));
    let error = EmbeddedStore::open(EmbeddedOptions::new("/proc/passbridge", clock)).err().expect("refused");
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("/proc/passbridge"));
}

#[tokio::test]
async fn permissions_of_other_users_are_removed_and_logged() {
    let harness = EmbeddedHarness::new();
    harness.insert("CODE").await.expect("works");
    harness.embedded().close().await.expect("closes");
    let folder = harness.folder.path().join("store");
    let open_to_all = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    };
    open_to_all(&folder.join("format"), 0o644);
    open_to_all(&folder, 0o755);
    let elsewhere = harness.folder.path().join("elsewhere");
    fs::write(&elsewhere, "").expect("written");
    open_to_all(&elsewhere, 0o644);
    std::os::unix::fs::symlink(&elsewhere, folder.join("link")).expect("made");

    let log = CapturedLog::of_this_thread();
    harness.reopen().await;
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("format"))), (0o700, 0o600));
    assert_eq!(mode(&elsewhere), 0o644, "symbolic links are not followed");
    assert!(log.text().contains("store files were accessible to other users"), "{}", log.text());
}

#[tokio::test]
async fn a_folder_of_a_newer_version_is_refused() {
    let harness = EmbeddedHarness::new();
    harness.embedded().close().await.expect("closes");
    let format = harness.folder.path().join("store").join("format");
    golden::check_text("format_file", 1, &fs::read_to_string(&format).expect("there"));
    fs::write(&format, "2\n").expect("written");
    let error = EmbeddedStore::open(harness.options()).err().expect("refused");
    assert!(matches!(error, OpenError::NewerFormat { found: 2, .. }), "{error}");
    fs::write(&format, "what\n").expect("written");
    let error = EmbeddedStore::open(harness.options()).err().expect("refused");
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn expired_buckets_are_deleted_with_their_files() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    for index in 0..2_000 {
        harness.insert(&format!("CODE{index}")).await.expect("works");
    }
    let engine = store.core.engine.load_full().expect("open");
    for bucket in engine.buckets().iter() {
        bucket.keyspace.rotate_memtable_and_wait().expect("written out");
    }
    drop(engine);
    let (before, buckets) = (folder_bytes(harness.folder.path()), store.statistics().buckets);
    assert!(buckets > 0 && before > 500_000, "{before} bytes in {buckets} buckets");
    harness.clock.advance(TTL + QUARANTINE + Duration::from_secs(3_600));
    eventually(|| store.statistics().buckets == 0).await;
    harness.insert("NEXT").await.expect("works");
    eventually(|| folder_bytes(&harness.folder.path().join("store").join("keyspaces")) < before / 4).await;
    harness.reopen().await;
    assert_eq!(harness.embedded().statistics().buckets, 1);
}

#[tokio::test]
async fn expired_entries_outside_the_buckets_are_removed() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let end = harness.clock.now() + Duration::from_secs(86_400);
    store.put_if_absent(&ledger_key("kind", "ends"), entry("x", Some(end))).await.expect("works");
    store.put_if_absent(&ledger_key("kind", "stays"), entry("x", None)).await.expect("works");
    harness.clock.advance(Duration::from_secs(86_400));
    let ended = || {
        let engine = store.core.engine.load_full().expect("open");
        cleanup::expired_entries(&engine, harness.clock.now(), None).expect("readable").keys
    };
    let keys = ended();
    assert_eq!(keys.len(), 1);
    store.submit(RemoveExpiredEntries { keys, ended_by: harness.clock.now() }).await.expect("works");
    assert!(ended().is_empty());
    assert!(Ledger::get(&store, &ledger_key("kind", "stays")).await.expect("works").is_some());
}

#[tokio::test]
async fn a_clock_step_between_search_and_removal_removes_no_live_entry() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let key = ledger_key("kind", "ends");
    let end = |harness: &EmbeddedHarness| harness.time().read() + Duration::from_secs(2 * 86_400);
    store.put_if_absent(&key, entry("first", Some(end(&harness)))).await.expect("works");
    harness.time().pass(Duration::from_secs(2 * 86_400)).await;
    let seen = harness.clock.now();
    let keys = {
        let engine = store.core.engine.load_full().expect("open");
        cleanup::expired_entries(&engine, seen, None).expect("readable").keys
    };
    assert_eq!(keys.len(), 1);
    store.put_if_absent(&key, entry("second", Some(end(&harness)))).await.expect("works");
    harness.clock.step_to(seen + Duration::from_secs(10 * 86_400));
    store.submit(RemoveExpiredEntries { keys, ended_by: seen }).await.expect("works");
    harness.clock.step_to(seen);
    let kept = Ledger::get(&store, &key).await.expect("works").expect("lives");
    assert_eq!(kept.value, b"second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_always_found_while_its_record_moves_between_buckets() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let record = |ttl| registration(harness.clock.now(), "MOVES", ttl);
    store.adopt(&record(TTL)).await.expect("works");
    let (key, reader) = (record(TTL).key(), store.clone());
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let moving = done.clone();
    let read = tokio::spawn(async move {
        let mut misses = 0;
        while !moving.load(Ordering::Relaxed) {
            misses += u32::from(Codes::get(&reader, &key).await.expect("readable").is_none());
            tokio::task::yield_now().await;
        }
        misses
    });
    for round in 0..500 {
        let ttl = if round % 2 == 0 { TTL * 4 } else { TTL };
        store.adopt(&record(ttl)).await.expect("works");
    }
    done.store(true, Ordering::Relaxed);
    assert_eq!(read.await.expect("ends"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_entry_is_always_found_while_it_moves_to_a_bucket_and_back() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let (key, reader) = (ledger_key("kind", "moves"), store.clone());
    store.put_if_absent(&key, entry("lasts", None)).await.expect("works");
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (moving, read_key) = (done.clone(), key.clone());
    let read = tokio::spawn(async move {
        let mut misses = 0;
        while !moving.load(Ordering::Relaxed) {
            misses += u32::from(Ledger::get(&reader, &read_key).await.expect("readable").is_none());
            tokio::task::yield_now().await;
        }
        misses
    });
    let soon = harness.clock.now() + TTL;
    for _ in 0..250 {
        assert!(store.swap(&key, Some(b"lasts"), Some(entry("ends", Some(soon)))).await.expect("works"));
        assert!(store.swap(&key, Some(b"ends"), Some(entry("lasts", None))).await.expect("works"));
    }
    done.store(true, Ordering::Relaxed);
    assert_eq!(read.await.expect("ends"), 0);
}

/// A file system whose free space the test sets.
#[derive(Debug)]
struct DecidedSpace(AtomicU64);

impl FreeSpace for DecidedSpace {
    fn available(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

/// A file system with free space that counts its calls: the cleanup task makes one per pass.
#[derive(Debug, Default)]
struct CountedSpaceChecks(AtomicU64);

impl FreeSpace for CountedSpaceChecks {
    fn available(&self, _: &Path) -> io::Result<u64> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(u64::MAX)
    }
}

#[tokio::test]
async fn codes_and_nonces_survive_a_wall_clock_that_is_temporarily_ahead() {
    let harness = EmbeddedHarness::new();
    harness.embedded().close().await.expect("closes");
    let checks = Arc::new(CountedSpaceChecks::default());
    let options = EmbeddedOptions { free_space: checks.clone(), ..harness.options() };
    let store = EmbeddedStore::open(options).expect("opens");
    // Past the first ten minutes after a start, during which nothing is deleted anyway.
    harness.clock.advance(Duration::from_secs(3_600));
    let (now, code) = (harness.clock.now(), registration(harness.clock.now(), "CODE", TTL));
    store.insert_if_absent(&code, NO_LIMIT, None).await.expect("works");
    let nonce = ledger_key("kind", "nonce");
    store.put_if_absent(&nonce, entry("x", Some(now + TTL))).await.expect("works");

    harness.clock.step_to(now + Duration::from_secs(86_400 * 365));
    let before = checks.0.load(Ordering::Relaxed);
    eventually(|| checks.0.load(Ordering::Relaxed) >= before + 3).await;
    assert!(Codes::get(&store, &code.key()).await.expect("works").is_none(), "lookups follow the wall clock");

    harness.clock.step_to(now);
    assert!(Codes::get(&store, &code.key()).await.expect("works").is_some());
    assert!(Ledger::get(&store, &nonce).await.expect("works").is_some());
    assert_eq!(store.live_codes().await.expect("works")[0].1, 1);
}

#[tokio::test]
async fn writes_are_refused_while_the_disk_is_nearly_full() {
    let harness = EmbeddedHarness::new();
    harness.insert("CODE").await.expect("works");
    harness.embedded().close().await.expect("closes");
    let space = Arc::new(DecidedSpace(AtomicU64::new(100)));
    let options = EmbeddedOptions { free_space_reserve: 101, free_space: space.clone(), ..harness.options() };
    let store = EmbeddedStore::open(options).expect("opens");
    assert_eq!(store.statistics().free_space, Some(100));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    let new = registration(harness.clock.now(), "NEW", TTL);
    assert!(store.insert_if_absent(&new, NO_LIMIT, None).await.is_err());
    let present = registration(harness.clock.now(), "CODE", TTL);
    assert!(Codes::get(&store, &present.key()).await.expect("reads still work").is_some());
    space.0.store(101, Ordering::Relaxed);
    eventually(|| store.statistics().free_space == Some(101)).await;
    store.check().await.expect("healthy again");
    assert_eq!(store.insert_if_absent(&new, NO_LIMIT, None).await.expect("works"), Insertion::Inserted);
}

#[tokio::test]
async fn after_a_failed_commit_writes_are_refused_and_reads_still_work() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    harness.insert("BEFORE").await.expect("works");
    store.core.fail_commits.store(true, Ordering::Relaxed);
    assert!(harness.insert("LOST").await.is_err());
    store.core.fail_commits.store(false, Ordering::Relaxed);
    assert!(harness.insert("AFTER").await.is_err(), "writes are refused until the store is reopened");
    assert!(store.check().await.is_err());
    let key = |code| registration(harness.clock.now(), code, TTL).key();
    assert!(Codes::get(&store, &key("BEFORE")).await.expect("reads still work").is_some());
    assert!(Codes::get(&store, &key("LOST")).await.expect("reads still work").is_none());
    harness.reopen().await;
    assert_eq!(harness.insert("AFTER").await.expect("works"), Insertion::Inserted);
    assert_eq!(harness.embedded().live_codes().await.expect("works")[0].1, 2);
}

#[tokio::test]
async fn concurrent_commands_share_commits() {
    let harness = EmbeddedHarness::new();
    let inserts = (0..200).map(|index| {
        let (store, registration) =
            (harness.embedded(), registration(harness.clock.now(), &format!("CODE{index}"), TTL));
        tokio::spawn(async move { store.insert_if_absent(&registration, NO_LIMIT, None).await })
    });
    for insert in inserts.collect::<Vec<_>>() {
        insert.await.expect("ends").expect("works");
    }
    let statistics = harness.embedded().statistics();
    assert_eq!(statistics.committed_commands, 200);
    assert!(statistics.commits < 100, "{} commits", statistics.commits);
    assert_eq!(statistics.commit_seconds.iter().sum::<u64>(), statistics.commits);
    assert_eq!(statistics.queue_depth, 0);
}

#[tokio::test]
async fn a_record_and_its_ledger_entry_share_one_commit() {
    let harness = EmbeddedHarness::new();
    let store = harness.embedded();
    let record = registration(harness.clock.now(), "CODE", TTL);
    let key = ledger_key("kept", "one");
    let kept = entry("answer", Some(record.forget_time()));
    let before = store.statistics().commits;
    let insertion = store.insert_if_absent(&record, NO_LIMIT, Some((&key, kept))).await;
    assert_eq!(insertion.expect("works"), Insertion::Inserted);
    assert_eq!(store.statistics().commits, before + 1);
}
