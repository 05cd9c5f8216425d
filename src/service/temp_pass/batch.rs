//! Batch resets: many resets in one stream, a limited number at a time, each with its own result.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::{Stream, stream::BoxStream};
use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{AuditOrigin, ResetTempPass, TempPassService};
use crate::{
    domain::{
        caller::Caller,
        error::{Error, Result},
    },
    service::quota::QuotaSlot,
};

/// The number of resets of a batch in flight.
const IN_FLIGHT: usize = 256;

/// One reset of a batch, or the reason that its request is invalid.
#[derive(Debug)]
pub struct BatchItem {
    /// The caller's id for the item.
    pub id: String,
    pub request: Result<ResetTempPass>,
}

/// The result of one reset of a batch.
#[derive(Debug)]
pub struct BatchItemResult {
    /// The caller's id for the item.
    pub id: String,
    /// The result that the reset's own call would have.
    pub outcome: Result<Option<u64>>,
}

type ResetFuture = Pin<Box<dyn Future<Output = BatchItemResult> + Send>>;

impl TempPassService {
    /// Performs the resets in `items`. Each answer follows when its reset is done, in any order. A failed reset does
    /// not end the batch. If the stream of items itself fails, that error comes last.
    ///
    /// Dropping the stream stops reading items, while resets in flight still finish.
    ///
    /// # Errors
    /// [`Error::QuotaExhausted`].
    pub fn reset_each(
        &self,
        caller: Caller,
        origin: AuditOrigin,
        items: BoxStream<'static, Result<BatchItem>>,
    ) -> Result<BoxStream<'static, Result<BatchItemResult>>> {
        let slot = Some(self.parts.batches.take(&caller)?);
        let (service, resets) = (self.clone(), FuturesUnordered::new());
        Ok(Box::pin(Batch { service, caller, origin, items: Some(items), resets, failure: None, slot }))
    }
}

struct Batch {
    service: TempPassService,
    caller: Caller,
    origin: AuditOrigin,
    /// `None` once it has ended or failed.
    items: Option<BoxStream<'static, Result<BatchItem>>>,
    resets: FuturesUnordered<ResetFuture>,
    failure: Option<Error>,
    /// Holds the batch's slot until its last reset is done.
    slot: Option<QuotaSlot>,
}

impl Batch {
    /// Reads items up to the limit of resets in flight.
    fn poll_items(&mut self, context: &mut Context<'_>) {
        while self.resets.len() < IN_FLIGHT {
            let Some(items) = &mut self.items else { return };
            match items.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(item))) => self.resets.push(self.reset(item)),
                Poll::Ready(Some(Err(error))) => {
                    self.failure = Some(error);
                    self.items = None;
                }
                Poll::Ready(None) => self.items = None,
                Poll::Pending => return,
            }
        }
    }

    fn reset(&self, item: BatchItem) -> ResetFuture {
        let (service, origin) = (self.service.clone(), self.origin.clone());
        // A batch may run for a long time, so each reset uses the caller's current permissions.
        let caller = service.policy().load().renewed(&self.caller);
        Box::pin(async move {
            let outcome = match (item.request, caller) {
                (Ok(request), Ok(caller)) => service.reset_here(&caller, &origin, &request).await,
                (Ok(_), Err(problem)) => Err(problem.into()),
                (Err(error), _) => Err(error),
            };
            BatchItemResult { id: item.id, outcome }
        })
    }
}

impl Stream for Batch {
    type Item = Result<BatchItemResult>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_items(context);
        match self.resets.poll_next_unpin(context) {
            Poll::Ready(Some(answer)) => Poll::Ready(Some(Ok(answer))),
            Poll::Ready(None) if self.items.is_none() => Poll::Ready(self.failure.take().map(Err)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let resets = std::mem::take(&mut self.resets);
        if !resets.is_empty() {
            let slot = self.slot.take();
            let finish = async move {
                resets.for_each(|_| async {}).await;
                drop(slot);
            };
            self.service.parts.tasks.spawn(finish);
        }
    }
}
