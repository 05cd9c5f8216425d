//! The thread that writes an audit log: a disk that is slow delays who waits for an entry, and no other call.

use std::{io, thread};

use tokio::sync::{mpsc, oneshot};

use super::RotatedFile;

/// How many entries may wait to be written. Who comes over that waits before it.
const QUEUE: usize = 1_024;

/// How many are written in one go, at the end of which those who wait for them are told.
const BATCH: usize = 256;

/// The queue to the thread, which ends with this.
pub(super) struct Writer {
    queue: mpsc::Sender<Entry>,
}

struct Entry {
    line: Vec<u8>,
    done: oneshot::Sender<()>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(file: RotatedFile) -> io::Result<Self> {
        let (queue, entries) = mpsc::channel(QUEUE);
        thread::Builder::new().name("audit".to_owned()).spawn(move || run(file, entries))?;
        Ok(Self { queue })
    }

    /// Completes when the line is written, or is lost, which the server's own log says then.
    pub(super) async fn write(&self, line: Vec<u8>) {
        let (done, written) = oneshot::channel();
        let is_written = match self.queue.send(Entry { line, done }).await {
            Ok(()) => written.await.is_ok(),
            Err(_) => false,
        };
        if !is_written {
            tracing::error!("an audit entry was lost: the thread that writes the audit log has ended");
        }
    }
}

fn run(mut file: RotatedFile, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH);
    while entries.blocking_recv_many(&mut batch, BATCH) > 0 {
        for Entry { line, .. } in &batch {
            if let Err(error) = file.write_line(line) {
                tracing::error!(%error, "an audit entry was lost: the audit log cannot be written");
            }
        }
        for Entry { done, .. } in batch.drain(..) {
            // Who waited may have left.
            let _ = done.send(());
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
        let file = RotatedFile::open(&path, 1 << 20, 1).expect("opens");
        let writer = Writer::start(file).expect("a thread");
        // More than may wait at once.
        join_all((0..3 * QUEUE).map(|_| writer.write(b"one of many\n".to_vec()))).await;
        let lines = || fs::read_to_string(&path).expect("readable").lines().count();
        assert_eq!(lines(), 3 * QUEUE);
        writer.write(b"last\n".to_vec()).await;
        assert_eq!(lines(), 3 * QUEUE + 1);
    }
}
