//! The audit log as lines, in a file or on standard output. A separate thread writes them, so a slow destination delays only the
//! calls that wait for an audit entry.

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

/// The capacity of the queue of entries. When the queue is full, callers wait for a free slot.
const QUEUE: usize = 1_024;

/// The maximum number of entries written before their callers are notified.
const BATCH: usize = 256;

/// A sink that writes one line per entry. It owns the queue to the writing thread; dropping it stops the thread.
pub(crate) struct AuditLines {
    queue: mpsc::Sender<QueuedLine>,
}

struct QueuedLine {
    line: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

impl AuditLines {
    /// Opens the file, or creates it with access for its owner only. The file is rotated before it exceeds `max_size` bytes, and
    /// `kept` rotated files are kept.
    ///
    /// # Errors
    /// If the file cannot be opened or the thread cannot be started.
    pub(crate) fn to_file(path: &Path, max_size: u64, kept: u32) -> io::Result<Self> {
        let mut file = RotatedFile::open(path, max_size, kept)?;
        Self::start(move |line| file.write_line(line))
    }

    /// Writes to standard output or standard error.
    ///
    /// # Errors
    /// If the thread cannot be started.
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
        let ended = || StoreError::Unavailable("the audit log's writer thread has stopped".to_owned());
        let mut line = entry;
        line.push(b'\n');
        let (done, written) = oneshot::channel();
        self.queue.send(QueuedLine { line, done }).await.map_err(|_| ended())?;
        let written = written.await.map_err(|_| ended())?;
        written.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

fn run(mut write_line: impl FnMut(&[u8]) -> io::Result<()>, mut entries: mpsc::Receiver<QueuedLine>) {
    let (mut batch, mut written) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while entries.blocking_recv_many(&mut batch, BATCH) > 0 {
        written.extend(batch.drain(..).map(|QueuedLine { line, done }| (write_line(&line), done)));
        for (outcome, done) in written.drain(..) {
            if let Err(Err(error)) = done.send(outcome) {
                // The caller has stopped waiting, so only the log can report the loss.
                tracing::error!(%error, "an audit entry was lost");
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
    async fn an_entry_is_in_the_file_when_append_returns() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let file = AuditLines::to_file(&path, 1 << 20, 1).expect("opens");
        // More than the queue's capacity.
        let outcomes = join_all((0..3 * QUEUE).map(|_| file.append(b"one of many".to_vec()))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        let lines = || fs::read_to_string(&path).expect("readable").lines().count();
        assert_eq!(lines(), 3 * QUEUE);
        file.append(b"last".to_vec()).await.expect("written");
        assert_eq!(lines(), 3 * QUEUE + 1);
    }
}
