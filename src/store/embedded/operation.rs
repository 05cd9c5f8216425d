//! What a command is to the committer.

use tokio::sync::oneshot;

use super::transaction::Transaction;
use crate::domain::{error::StoreError, port::StoreResult};

/// A command on its way through the committer.
pub(super) trait Operation: Send {
    /// Decides, and adds to the batch what is to be written. Where it fails it has added nothing.
    fn decide(&mut self, transaction: &mut Transaction<'_>);

    /// Tells the caller: the decision if the batch is durable, the failure otherwise.
    fn answer(self: Box<Self>, committed: Result<(), &CommitFailure>);
}

/// Why nothing can be written any more, or not now. The text is for the log.
#[derive(Debug, Clone)]
pub struct CommitFailure(pub String);

impl From<&CommitFailure> for StoreError {
    fn from(failure: &CommitFailure) -> Self {
        Self::Unavailable(failure.0.clone())
    }
}

/// A command and the one who waits for it.
pub(super) struct Pending<C: Command> {
    command: C,
    decision: Option<StoreResult<C::Outcome>>,
    reply: oneshot::Sender<StoreResult<C::Outcome>>,
}

/// What a command does, apart from how it is answered.
pub(super) trait Command: Send + 'static {
    /// What the caller is told.
    type Outcome: Send + 'static;

    /// Decides inside a batch. Everything that can fail comes before the first write.
    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Self::Outcome>;
}

impl<C: Command> Pending<C> {
    /// A command for the queue, and where its answer will be.
    pub(super) fn new(command: C) -> (Box<Self>, oneshot::Receiver<StoreResult<C::Outcome>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { command, decision: None, reply }), answer)
    }
}

impl<C: Command> Operation for Pending<C> {
    fn decide(&mut self, transaction: &mut Transaction<'_>) {
        self.decision = Some(self.command.decide(transaction));
    }

    fn answer(self: Box<Self>, committed: Result<(), &CommitFailure>) {
        let answer = match (committed, self.decision) {
            (Err(failure), _) => Err(failure.into()),
            (Ok(()), Some(decision)) => decision,
            (Ok(()), None) => Err(StoreError::Unavailable("the command was not decided".to_owned())),
        };
        // Who has gone away meanwhile does not want to know.
        let _ = self.reply.send(answer);
    }
}
