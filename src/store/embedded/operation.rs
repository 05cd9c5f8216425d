//! Commands, as the committer processes them.

use tokio::sync::oneshot;

use super::transaction::Transaction;
use crate::domain::{error::StoreError, port::StoreResult};

/// A queued command with its type erased.
pub(super) trait Operation: Send {
    /// Decides the command and adds its writes to the batch. If it fails, it adds nothing.
    fn decide(&mut self, transaction: &mut Transaction<'_>);

    /// Responds to the caller: with the decision if the batch is durable, with the failure otherwise.
    fn answer(self: Box<Self>, committed: Result<(), &CommitFailure>);
}

/// The reason why the store refuses writes. The text is for the log.
#[derive(Debug, Clone)]
pub struct CommitFailure(pub String);

impl From<&CommitFailure> for StoreError {
    fn from(failure: &CommitFailure) -> Self {
        Self::Unavailable(failure.0.clone())
    }
}

/// A command and the channel to the caller that waits for it.
pub(super) struct PendingCommand<C: BatchCommand> {
    command: C,
    decision: Option<StoreResult<C::Outcome>>,
    reply: oneshot::Sender<StoreResult<C::Outcome>>,
}

/// The logic of a command.
pub(super) trait BatchCommand: Send + 'static {
    /// The result that the caller receives.
    type Outcome: Send + 'static;

    /// Decides inside a batch. Every step that can fail must come before the first write.
    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Self::Outcome>;
}

impl<C: BatchCommand> PendingCommand<C> {
    /// Wraps a command for the queue, and returns the receiver of its result.
    pub(super) fn new(command: C) -> (Box<Self>, oneshot::Receiver<StoreResult<C::Outcome>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { command, decision: None, reply }), answer)
    }
}

impl<C: BatchCommand> Operation for PendingCommand<C> {
    fn decide(&mut self, transaction: &mut Transaction<'_>) {
        self.decision = Some(self.command.decide(transaction));
    }

    fn answer(self: Box<Self>, committed: Result<(), &CommitFailure>) {
        let answer = match (committed, self.decision) {
            (Err(failure), _) => Err(failure.into()),
            (Ok(()), Some(decision)) => decision,
            (Ok(()), None) => Err(StoreError::Unavailable("the command was not decided".to_owned())),
        };
        // The caller may have stopped waiting.
        let _ = self.reply.send(answer);
    }
}
