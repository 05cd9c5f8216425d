//! Repairs the engine's journal after a power cut.
//!
//! Each batch is synced before the next one is written. Damage that is followed by a whole batch is therefore in
//! acknowledged data, and the store is not opened. Damage that is not followed by a whole batch is in the last write,
//! which was not acknowledged if the power failed before its sync returned.
//!
//! The engine decides differently:
//!
//! - It treats bytes that it cannot parse as the end of the journal, wherever they are, and silently drops everything
//!   after them. `find_damage` detects this before the engine opens the journal.
//! - It refuses a batch with a wrong checksum, even at the end of the journal. `cut_torn_end` repairs this, and runs only
//!   after the engine has refused: a journal format that this module does not understand never loses data.
//!
//! ```text
//! batch:  1, entries u32, sequence number u64 │ entries │ 3, XXH3 of the entries u64, "FJL", 3
//! entry:  2, kind u8, compression u8, keyspace u64, key length u16, value length u32, stored length u32, key, value
//!         4, keyspace u64
//! ```

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use xxhash_rust::xxh3::Xxh3;

#[cfg(test)]
mod tests;

/// The size of a read buffer. Two of them are in memory at a time.
const BUFFER: usize = 16 * 1024;
static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// Searches for damage that is followed by a whole batch. Returns a description for the operator. Changes nothing.
pub(super) fn find_damage(folder: &Path) -> io::Result<Option<String>> {
    let _lock = match lock(folder) {
        // The folder is new.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock?,
    };
    for path in journals(folder)?.values() {
        let JournalContents { end, next, .. } = JournalContents::of(path)?;
        if let Some(next) = next {
            return Ok(Some(format!("{} is damaged between offsets {end} and {next}", path.display())));
        }
    }
    Ok(None)
}

/// Truncates the newest journal after its last whole batch, and returns whether it did. It does not if a whole batch follows
/// the damage, or if another journal is torn too.
pub(super) fn cut_torn_end(folder: &Path) -> io::Result<bool> {
    let _lock = lock(folder)?;
    let mut journals = journals(folder)?;
    let Some((_, newest)) = journals.pop_last() else { return Ok(false) };
    for older in journals.values() {
        if JournalContents::of(older)?.torn > 0 {
            return Ok(false);
        }
    }
    let JournalContents { end, torn: bytes @ 1.., next: None } = JournalContents::of(&newest)? else {
        return Ok(false);
    };
    let mut journal = File::options().read(true).write(true).open(&newest)?;
    journal.seek(SeekFrom::Start(end))?;
    // The removed bytes are saved: a disk that loses an acknowledged write leaves the same damage.
    let kept = newest.with_extension("jnl.cut");
    let mut copy = File::options().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
    io::copy(&mut (&journal).take(bytes), &mut copy)?;
    copy.sync_all()?;
    File::open(folder)?.sync_all()?;
    journal.set_len(end)?;
    journal.sync_all()?;
    tracing::warn!(
        journal = %newest.display(), bytes, kept = %kept.display(),
        "journal repaired, dropped an unacknowledged batch that a power failure had interrupted"
    );
    Ok(true)
}

/// Takes the engine's lock, because a journal that is being written looks torn.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).open(folder.join("lock"))?;
    file.try_lock().or_else(|_| {
        // The same wait as the engine's: a store that is closing releases its folder within that time.
        std::thread::sleep(Duration::from_millis(200));
        file.try_lock()
    })?;
    Ok(file)
}

/// The journals by number, the newest last.
fn journals(folder: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut journals = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(OsStr::to_str).and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|_| path.extension() == Some(OsStr::new("jnl"))) {
            journals.insert(number, path);
        }
    }
    Ok(journals)
}

/// The result of parsing a journal.
pub(super) struct JournalContents {
    /// The offset at which the leading whole batches end.
    pub(super) end: u64,
    /// The number of bytes after `end`, without trailing zeros: the engine preallocates journals.
    pub(super) torn: u64,
    /// The offset of the next whole batch after `end`, if any.
    pub(super) next: Option<u64>,
}

impl JournalContents {
    fn of(journal: &Path) -> io::Result<Self> {
        Self::read(|| File::open(journal))
    }

    /// Parses a journal. Calls `open` twice, because the search for the next whole batch reads ahead.
    pub(super) fn read<R: Read + Seek>(open: impl Fn() -> io::Result<R>) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER, open()?);
        let mut end = 0;
        while let Some(length) = read_batch(&mut reader)? {
            end += length;
        }
        let mut contents = Self { end, torn: 0, next: None };
        let mut rest = BufReader::with_capacity(BUFFER, open()?);
        let mut start = rest.seek(SeekFrom::Start(end))?;
        loop {
            let bytes = rest.fill_buf()?;
            let count = bytes.len();
            if count == 0 {
                return Ok(contents);
            }
            // Compare whole buffers first: megabytes of zeros are common, and slow to check byte by byte.
            if *bytes != ZEROS[..count] {
                contents.add(bytes, start, &mut reader)?;
            }
            rest.consume(count);
            start += count as u64;
        }
    }

    /// Tries every byte as the start of a batch, because the damaged bytes may be the lengths.
    fn add(&mut self, bytes: &[u8], start: u64, reader: &mut BufReader<impl Read + Seek>) -> io::Result<()> {
        for (position, &byte) in (start..).zip(bytes).filter(|(_, byte)| **byte != 0) {
            self.torn = position + 1 - self.end;
            if byte == 1 && self.next.is_none() {
                reader.seek(SeekFrom::Start(position))?;
                self.next = read_batch(reader)?.map(|_| position);
            }
        }
        Ok(())
    }
}

/// The length of the next batch, or `None` if it is not whole.
fn read_batch(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let [1, n0, n1, n2, n3, ..] = take::<13>(reader)? else { return Ok(None) };
    let (mut length, mut hasher) = (13 + 13, Xxh3::new());
    for _ in 0..u32::from_le_bytes([n0, n1, n2, n3]) {
        let Some(entry) = read_entry(reader, &mut hasher)? else { return Ok(None) };
        length += entry;
    }
    let [3, checksum @ .., b'F', b'J', b'L', 3] = take::<13>(reader)? else { return Ok(None) };
    Ok((checksum == hasher.digest().to_le_bytes()).then_some(length))
}

fn read_entry(reader: &mut impl BufRead, hasher: &mut Xxh3) -> io::Result<Option<u64>> {
    let tag: [u8; 1] = take(reader)?;
    hasher.update(&tag);
    let (head, tail) = match tag {
        [2] => {
            let header: [u8; 20] = take(reader)?;
            hasher.update(&header);
            let [0 | 1 | 2 | 4, 0, .., k0, k1, _, _, _, _, v0, v1, v2, v3] = header else { return Ok(None) };
            (21, u64::from(u16::from_le_bytes([k0, k1])) + u64::from(u32::from_le_bytes([v0, v1, v2, v3])))
        }
        [4] => (1, 8),
        _ => return Ok(None),
    };
    let mut left = tail;
    while left > 0 {
        let bytes = reader.fill_buf()?;
        let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 {
            return Ok(None);
        }
        hasher.update(&bytes[..count]);
        reader.consume(count);
        left -= count as u64;
    }
    Ok(Some(head + tail))
}

/// Reads the next `N` bytes. Returns zeros if fewer remain; no batch or entry starts or ends with a zero.
fn take<const N: usize>(reader: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok([0; N]),
        read => read.map(|()| bytes),
    }
}
