//! The audit log as lines, in a file or on standard output, written by a thread of its own: what is slow to take them delays who
//! waits for an entry, and no other call.

mod rotated_file;

use std::{
    io::{self, Write},
    path::Path,
    thread,
};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::domain::{
    error::StoreError,
    port::{AuditSink, StoreResult},
};
use rotated_file::RotatedFile;

/// How many entries may wait to be written. Who comes over that waits before it.
const QUEUE: usize = 1_024;

/// How many are written in one go, at the end of which those who wait for them are told.
const BATCH: usize = 256;

/// An entry a line. This is the queue to the thread that writes them, which ends with this.
pub(crate) struct AuditLines {
    queue: mpsc::Sender<Entry>,
}

struct Entry {
    line: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

impl AuditLines {
    /// Opens the file, or makes it for its owner alone. It begins anew before it becomes larger than `max_size` bytes, and so
    /// many former ones are kept.
    ///
    /// # Errors
    /// As the operating system has them, which may also have no thread.
    pub(crate) fn to_file(path: &Path, max_size: u64, kept: u32) -> io::Result<Self> {
        let mut file = RotatedFile::open(path, max_size, kept)?;
        Self::start(move |line| file.write_line(line))
    }

    /// Lines on standard output or standard error.
    ///
    /// # Errors
    /// Where the operating system has no thread.
    pub(crate) fn to(mut output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start(move |line| {
            output.write_all(line)?;
            output.flush()
        })
    }

    fn start(write_line: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (queue, entries) = mpsc::channel(QUEUE);
        thread::Builder::new().name("audit".to_owned()).spawn(move || run(write_line, entries))?;
        Ok(Self { queue })
    }
}

#[async_trait]
impl AuditSink for AuditLines {
    /// Completes when the entry has reached the operating system.
    async fn append(&self, entry: Vec<u8>) -> StoreResult<()> {
        let ended = || StoreError::Unavailable("the thread that writes the audit log has ended".to_owned());
        let mut line = entry;
        line.push(b'\n');
        let (done, written) = oneshot::channel();
        self.queue.send(Entry { line, done }).await.map_err(|_| ended())?;
        let written = written.await.map_err(|_| ended())?;
        written.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

fn run(mut write_line: impl FnMut(&[u8]) -> io::Result<()>, mut entries: mpsc::Receiver<Entry>) {
    let (mut batch, mut written) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while entries.blocking_recv_many(&mut batch, BATCH) > 0 {
        written.extend(batch.drain(..).map(|Entry { line, done }| (write_line(&line), done)));
        for (outcome, done) in written.drain(..) {
            if let Err(Err(error)) = done.send(outcome) {
                tracing::error!(%error, "an audit entry was lost, and who waited for it has left");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn an_entry_is_in_the_file_when_its_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let file = AuditLines::to_file(&path, 1 << 20, 1).expect("opens");
        // More than may wait at once.
        let outcomes = join_all((0..3 * QUEUE).map(|_| file.append(b"one of many".to_vec()))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        let lines = || fs::read_to_string(&path).expect("readable").lines().count();
        assert_eq!(lines(), 3 * QUEUE);
        file.append(b"last".to_vec()).await.expect("written");
        assert_eq!(lines(), 3 * QUEUE + 1);
    }
}
