//! Calls that complete once replicas have the data that the calls wrote or read.
//!
//! `WAIT` covers everything that the primary had written when the connection's last command ran, including reads, and blocks the
//! connection until the replicas have acknowledged it. Each primary therefore has a separate connection for such calls. Calls that
//! arrive while the connection is blocked are sent together, with one `WAIT` for all of them.

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
    script::EngineCall,
};

/// The maximum number of calls per `WAIT`.
const BATCH: usize = 256;

/// The time that the response to `WAIT` may take in addition to the timeout of `WAIT` itself.
const GRACE: Duration = Duration::from_millis(500);

/// A call and the channel to the caller that waits for it.
struct QueuedWrite {
    call: EngineCall,
    whole: bool,
    asking: bool,
    done: oneshot::Sender<RedisResult<Value>>,
}

/// The connections to all primaries for such calls.
pub(super) struct AcknowledgedWrites {
    options: RedisOptions,
    replicas: u32,
    writers: Mutex<HashMap<Node, mpsc::Sender<QueuedWrite>>>,
}

impl AcknowledgedWrites {
    /// Creates the connections. Each call waits for `replicas` replicas, at least one.
    pub(super) fn new(options: RedisOptions, replicas: u32) -> Self {
        Self { options, replicas, writers: Mutex::default() }
    }

    /// Calls a primary. `asking` is true if it is importing the slot.
    ///
    /// # Errors
    /// The errors of the engine, or if too few replicas acknowledge the call in time. Its writes may then be lost with the primary.
    pub(super) async fn send(
        &self,
        node: &Node,
        call: &EngineCall,
        whole: bool,
        asking: bool,
    ) -> RedisResult<Value> {
        let (done, outcome) = oneshot::channel();
        let write = QueuedWrite { call: call.clone(), whole, asking, done };
        self.writer(node)
            .try_send(write)
            .map_err(|_| (ErrorKind::Io, "too many calls wait for replicas", node.to_string()))?;
        outcome.await.map_err(|_| RedisError::from((ErrorKind::Io, "the store is closed")))?
    }

    fn writer(&self, node: &Node) -> mpsc::Sender<QueuedWrite> {
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

    /// Closes the connections to nodes that are no longer primaries.
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
    /// Runs until all senders of the queue are dropped.
    async fn run(mut self, mut queue: mpsc::Receiver<QueuedWrite>) {
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

    /// Sends a batch. Returns the response to each call, and the number of replicas that have acknowledged all of them.
    async fn write(&mut self, batch: &[QueuedWrite]) -> RedisResult<(Vec<Value>, u32)> {
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
            Some(other) => {
                return Err(other.extract_error().err().unwrap_or_else(|| missing_response("WAIT")));
            }
            None => return Err(missing_response("WAIT")),
        };
        let mut answers = answers.into_iter();
        let own = batch.iter().map(|write| {
            if write.asking {
                answers.next();
            }
            answers.next().ok_or_else(|| missing_response("a write"))
        });
        Ok((own.collect::<RedisResult<_>>()?, acknowledged))
    }

    /// The result for the caller of a write.
    fn judge(&self, answer: Value, acknowledged: u32) -> RedisResult<Value> {
        // An error of the engine needs no acknowledgment.
        let answer = answer.extract_error()?;
        if acknowledged >= self.replicas {
            return Ok(answer);
        }
        let text = format!(
            "{acknowledged} of {} replicas of {} acknowledged (store.wait_replicas)",
            self.replicas, self.node
        );
        Err((ErrorKind::Io, "too few replicas acknowledged a write in time", text).into())
    }
}

fn missing_response(what: &str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, "a response is missing", what.to_owned()).into()
}
