//! Tests with journals that the engine has written, damaged in the ways that power cuts and disks damage them.

use std::{fs, ops::Range, os::unix::fs::FileExt, path::PathBuf};

use super::{super::engine::EmbeddedEngine, read_batch};
use crate::store::embedded::{OpenError, open::open_engine};

/// The checksum does not cover the sequence number, so damage there is not detected.
const SEQUENCE_NUMBER: Range<u64> = 5..13;

/// The value's two lengths in a batch of these tests. If they differ, an engine with debug assertions panics.
const VALUE_LENGTHS: Range<u64> = 26..34;

/// A closed engine with three batches: keys 0, 1 and 2, one each.
struct JournalFixture {
    folder: tempfile::TempDir,
    /// The offset of each batch, and the end of the last one.
    bounds: Vec<u64>,
    /// The undamaged journal without trailing zeros, as after a restart. It is also faster to compare.
    whole: Vec<u8>,
}

impl JournalFixture {
    fn new(value: &[u8]) -> Self {
        let mut lab =
            Self { folder: tempfile::tempdir().expect("a folder"), bounds: vec![0], whole: Vec::new() };
        let engine = lab.open().expect("opens");
        (0..3).for_each(|key| write(&engine, key, value));
        drop(engine);
        lab.whole = lab.read("0.jnl");
        let (mut rest, mut end) = (&lab.whole[..], 0);
        while let Some(length) = read_batch(&mut rest).expect("readable") {
            end += length;
            lab.bounds.push(end);
        }
        assert_eq!(lab.bounds.len(), 4, "the engine's journal is parsed");
        lab.whole.truncate(index(end));
        lab.restore();
        lab
    }

    fn open(&self) -> Result<EmbeddedEngine, OpenError> {
        open_engine(self.folder.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("store").join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("readable")
    }

    fn restore(&self) {
        fs::write(self.path("0.jnl"), &self.whole).expect("written");
    }

    fn resize(&self, length: u64) {
        let journal = fs::File::options().write(true).open(self.path("0.jnl")).expect("opens");
        journal.set_len(length).expect("resized");
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) {
        let journal = fs::File::options().write(true).open(self.path("0.jnl")).expect("opens");
        journal.write_all_at(bytes, at).expect("written");
    }

    fn flip(&self, at: u64) {
        self.overwrite(at, &[self.whole[index(at)] ^ 1]);
    }

    /// Opens the store and expects exactly these keys. Writes another key and expects it after a restart.
    fn expect_keys(&self, keys: &[u8]) {
        let engine = self.open().expect("opens");
        assert_eq!(present(&engine), keys);
        write(&engine, 9, b"written after the repair");
        drop(engine);
        assert_eq!(present(&self.open().expect("opens again")), [keys, &[9]].concat());
        self.restore();
    }

    fn expect_refusal(&self) {
        let before = self.read("0.jnl");
        let error = self.open().err().expect("refused");
        assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
        assert!(before == self.read("0.jnl"), "the journal was changed");
        assert!(!self.path("0.jnl.cut").exists());
        self.restore();
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("small")
}

fn write(engine: &EmbeddedEngine, key: u8, value: &[u8]) {
    let mut batch = engine.batch();
    batch.insert(&engine.lasting, [key], value);
    batch.commit().expect("works");
}

fn present(engine: &EmbeddedEngine) -> Vec<u8> {
    (0..10).filter(|key| engine.lasting.contains_key([*key]).expect("works")).collect()
}

#[test]
fn a_damaged_byte_in_the_last_batch_loses_only_that_batch() {
    let lab = JournalFixture::new(b"value");
    for offset in 0..lab.bounds[3] - lab.bounds[2] {
        if !SEQUENCE_NUMBER.contains(&offset) && !VALUE_LENGTHS.contains(&offset) {
            lab.flip(lab.bounds[2] + offset);
            lab.expect_keys(&[0, 1]);
        }
    }
}

#[test]
fn removed_bytes_are_saved_to_a_file() {
    let lab = JournalFixture::new(b"value");
    lab.overwrite(lab.bounds[2] + 38, b"?");
    lab.resize(1024 * 1024);
    lab.expect_keys(&[0, 1]);
    let batch = &lab.whole[index(lab.bounds[2])..];
    assert_eq!(lab.read("0.jnl.cut"), [&batch[..38], b"?", &batch[39..]].concat());
}

#[test]
fn a_missing_page_in_the_last_batch_loses_only_that_batch() {
    let lab = JournalFixture::new(&[7; 20_000]);
    let (begin, end) = (lab.bounds[2], lab.bounds[3]);
    for page in (begin / 4096..=end / 4096).map(|page| page * 4096) {
        let (from, to) = (page.max(begin), (page + 4096).min(end));
        lab.overwrite(from, &vec![0; index(to - from)]);
        lab.expect_keys(&[0, 1]);
    }
}

#[test]
fn a_damaged_byte_before_a_whole_batch_is_refused() {
    let lab = JournalFixture::new(b"value");
    for begin in &lab.bounds[..2] {
        for offset in (0..lab.bounds[1]).filter(|offset| !SEQUENCE_NUMBER.contains(offset)) {
            lab.flip(begin + offset);
            lab.expect_refusal();
        }
    }
}

#[test]
fn a_missing_page_before_a_whole_batch_is_refused() {
    let lab = JournalFixture::new(&[7; 20_000]);
    for page in 0..lab.bounds[2] / 4096 {
        lab.overwrite(page * 4096, &[0; 4096]);
        lab.expect_refusal();
    }
}

#[test]
fn a_truncated_batch_at_the_end_is_dropped() {
    let lab = JournalFixture::new(b"value");
    for length in [1, 13, 36, 40, 52].map(|length| lab.bounds[2] + length) {
        lab.resize(length);
        lab.expect_keys(&[0, 1]);
        lab.resize(length);
        lab.resize(1024 * 1024);
        lab.expect_keys(&[0, 1]);
    }
}

#[test]
fn garbage_after_the_last_batch_loses_nothing() {
    let lab = JournalFixture::new(b"value");
    for garbage in [&b""[..], &[0xAA; 5_000], &[1; 5_000], &[2; 5_000], &[3; 5_000], b"\x01\x01\0\0\0"] {
        lab.overwrite(lab.bounds[3], garbage);
        lab.expect_keys(&[0, 1, 2]);
        assert!(!lab.path("0.jnl.cut").exists());
    }
}

#[test]
fn an_empty_journal_is_opened() {
    let lab = JournalFixture::new(b"value");
    for length in [0, 1024 * 1024] {
        lab.resize(0);
        lab.resize(length);
        lab.expect_keys(&[]);
    }
}

#[test]
fn damage_in_an_older_journal_is_refused() {
    let lab = JournalFixture::new(b"value");
    for newest in [&b""[..], b"torn"] {
        fs::write(lab.path("1.jnl"), newest).expect("written");
        lab.flip(lab.bounds[3] - 15);
        lab.expect_refusal();
        assert_eq!(lab.read("1.jnl"), newest);
    }
}
