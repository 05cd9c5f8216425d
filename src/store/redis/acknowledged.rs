//! Calls that are answered once replicas have what they wrote, and what they saw.
//!
//! `WAIT` is about everything that its primary had written when its connection's last command ran, reads included, and holds that
//! connection until the replicas have it. So each primary has a connection of its own for such calls, on which those that come
//! while the last ones wait go together, with one `WAIT` for all of them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{
    ErrorKind, RedisError, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    options::{Node, RedisOptions},
    script::Call,
};

/// How many writes may go together.
const BATCH: usize = 256;

/// How long the answer to `WAIT` may take beyond its own time.
const GRACE: Duration = Duration::from_millis(500);

/// A call, and who waits for it.
struct Write {
    call: Call,
    whole: bool,
    asking: bool,
    done: oneshot::Sender<RedisResult<Value>>,
}

/// The primaries that are called so.
pub(super) struct Acknowledged {
    options: RedisOptions,
    replicas: u32,
    writers: Mutex<HashMap<Node, mpsc::Sender<Write>>>,
}

impl Acknowledged {
    /// Calls of which each waits for so many replicas, at least one.
    pub(super) fn new(options: RedisOptions, replicas: u32) -> Self {
        Self { options, replicas, writers: Mutex::default() }
    }

    /// Calls one primary. `asking` where it is taking the slot over.
    ///
    /// # Errors
    /// Those of the engine; and where too few replicas have acknowledged it in time, when it may be lost with its primary.
    pub(super) async fn send(
        &self,
        node: &Node,
        call: &Call,
        whole: bool,
        asking: bool,
    ) -> RedisResult<Value> {
        let (done, outcome) = oneshot::channel();
        let write = Write { call: call.clone(), whole, asking, done };
        self.writer(node)
            .try_send(write)
            .map_err(|_| (ErrorKind::Io, "too many writes wait for replicas", node.to_string()))?;
        outcome.await.map_err(|_| RedisError::from((ErrorKind::Io, "the store was closed")))?
    }

    fn writer(&self, node: &Node) -> mpsc::Sender<Write> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writers.get(node) {
            return writer.clone();
        }
        let (sender, queue) = mpsc::channel(self.options.max_in_flight);
        let writer = Writer {
            node: node.clone(),
            options: self.options.clone(),
            replicas: self.replicas,
            connection: None,
        };
        tokio::spawn(writer.run(queue));
        writers.insert(node.clone(), sender.clone());
        sender
    }

    /// Ends the connections to nodes that are no primaries any more.
    pub(super) fn retain(&self, primaries: &[Node]) {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.retain(|node, _| primaries.contains(node));
    }
}

/// The connection to one primary.
struct Writer {
    node: Node,
    options: RedisOptions,
    replicas: u32,
    connection: Option<MultiplexedConnection>,
}

impl Writer {
    /// Until nobody can ask any more.
    async fn run(mut self, mut queue: mpsc::Receiver<Write>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let outcome = self.write(&batch).await;
            match outcome {
                Ok((answers, acknowledged)) => {
                    for (write, answer) in batch.drain(..).zip(answers) {
                        let _ = write.done.send(self.judge(answer, acknowledged));
                    }
                }
                Err(error) => {
                    self.connection = None;
                    for write in batch.drain(..) {
                        let _ = write.done.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// What the engine answered to each, and how many replicas have them all.
    async fn write(&mut self, batch: &[Write]) -> RedisResult<(Vec<Value>, u32)> {
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => {
                let mut connection = self.options.connect(&self.node, None).await?;
                connection.set_response_timeout(
                    self.options.wait_timeout.max(self.options.response_timeout) + GRACE,
                );
                self.connection.insert(connection).clone()
            }
        };
        let mut pipeline = redis::pipe();
        for write in batch {
            if write.asking {
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(write.call.to_command(write.whole));
        }
        let timeout = u64::try_from(self.options.wait_timeout.as_millis()).unwrap_or(u64::MAX);
        pipeline.cmd("WAIT").arg(self.replicas).arg(timeout);
        let mut answers = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await?;
        let acknowledged = match answers.pop() {
            Some(Value::Int(count)) => u32::try_from(count).unwrap_or(0),
            Some(other) => return Err(other.extract_error().err().unwrap_or_else(|| odd("WAIT"))),
            None => return Err(odd("WAIT")),
        };
        let mut answers = answers.into_iter();
        let own = batch.iter().map(|write| {
            if write.asking {
                answers.next();
            }
            answers.next().ok_or_else(|| odd("a write"))
        });
        Ok((own.collect::<RedisResult<_>>()?, acknowledged))
    }

    /// What the caller of a write gets.
    fn judge(&self, answer: Value, acknowledged: u32) -> RedisResult<Value> {
        // What the engine refused is not waited for.
        let answer = answer.extract_error()?;
        if acknowledged >= self.replicas {
            return Ok(answer);
        }
        let text = format!(
            "{acknowledged} of {} replicas of {} have it (store.wait_replicas)",
            self.replicas, self.node
        );
        Err((ErrorKind::Io, "too few replicas acknowledged a write in time", text).into())
    }
}

fn odd(what: &str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, "an answer is missing", what.to_owned()).into()
}
