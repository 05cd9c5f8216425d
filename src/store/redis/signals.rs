//! Signals of changes, over sharded publish/subscribe. Scripts publish each change to its channel, and a process subscribes to the
//! channels that it has watchers for.
//!
//! A message can be lost: with its connection, with a primary, or while a slot moves. A lost connection, a new subscription, and
//! [`SAFETY_INTERVAL`] therefore also signal the watchers, which then read again.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{engine::SharedEngine, key::RedisKey, options::RedisOptions};
use crate::{
    domain::{
        clock::SharedClock,
        error::StoreError,
        port::{Signals, StoreResult},
        randomness::{self, SharedRandomness},
    },
    store::watch_hub::WatchHub,
};

/// The maximum time until a watcher reads again without a signal.
const SAFETY_INTERVAL: Duration = Duration::from_secs(60);

/// The pause before a failed subscription is retried.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The maximum number of concurrent subscription commands.
const BATCH: usize = 512;

/// A request to the subscriber.
enum SubscriberRequest {
    Subscribe(RedisKey, oneshot::Sender<StoreResult<()>>),
    /// Check whether the channel still has watchers, and subscribe or unsubscribe accordingly.
    Recheck(RedisKey),
}

/// The watchers of channels.
pub(super) struct ChannelSignals {
    hub: Arc<WatchHub<RedisKey>>,
    requests: mpsc::UnboundedSender<SubscriberRequest>,
    clock: SharedClock,
    randomness: SharedRandomness,
    closed: CancellationToken,
}

impl ChannelSignals {
    /// Starts the subscriber, and the task that turns push messages into signals.
    pub(super) fn start(
        engine: SharedEngine,
        options: &RedisOptions,
        pushes: mpsc::UnboundedReceiver<PushInfo>,
    ) -> Self {
        let (requests, queue) = mpsc::unbounded_channel();
        let hub = Arc::new(WatchHub::default());
        let closed = CancellationToken::new();
        let subscriber = Subscriber { engine, hub: Arc::clone(&hub), requests: requests.downgrade() };
        let (subscribing, receiving) = (closed.clone(), closed.clone());
        let lost = requests.downgrade();
        let pushed = Arc::clone(&hub);
        tokio::spawn(async move { subscribing.run_until_cancelled(subscriber.run(queue)).await });
        tokio::spawn(async move { receiving.run_until_cancelled(receive(pushes, pushed, lost)).await });
        Self {
            hub,
            requests,
            clock: Arc::clone(&options.clock),
            randomness: Arc::clone(&options.randomness),
            closed,
        }
    }

    /// Returns the signals for a channel, starting when this function returns.
    ///
    /// # Errors
    /// If the engine is unreachable.
    pub(super) async fn watch(&self, channel: RedisKey) -> StoreResult<Signals> {
        let signals = self.hub.watch(channel.clone());
        // From here on, the channel is checked again when its watcher leaves, even if this call fails or is canceled.
        let leaving = SubscriptionGuard { channel: channel.clone(), requests: self.requests.clone() };
        let (done, outcome) = oneshot::channel();
        let _ = self.requests.send(SubscriberRequest::Subscribe(channel, done));
        outcome.await.unwrap_or_else(|_| Err(closed()))?;
        let (clock, randomness) = (Arc::clone(&self.clock), Arc::clone(&self.randomness));
        let watching = SignalStream { signals: Some(signals), _leaving: leaving, clock, randomness };
        Ok(stream::unfold(watching, SignalStream::next).boxed())
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.closed.cancel();
        self.hub.close();
    }
}

/// A stream of signals, including periodic ones that make up for lost messages.
struct SignalStream {
    signals: Option<Signals>,
    _leaving: SubscriptionGuard,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl SignalStream {
    async fn next(mut self) -> Option<((), Self)> {
        let wait = randomness::spread(&*self.randomness, SAFETY_INTERVAL);
        let signal = tokio::select! {
            signal = self.signals.as_mut()?.next() => signal,
            () = self.clock.sleep(wait) => Some(()),
        };
        signal.map(|()| ((), self))
    }
}

/// Requests a check of a channel when a watcher leaves.
struct SubscriptionGuard {
    channel: RedisKey,
    requests: mpsc::UnboundedSender<SubscriberRequest>,
}

impl Drop for SubscriptionGuard {
    fn drop(&mut self) {
        let _ = self.requests.send(SubscriberRequest::Recheck(std::mem::take(&mut self.channel)));
    }
}

/// Subscribes and unsubscribes. Batches run one after the other, so that the later of two requests for a channel takes effect.
struct Subscriber {
    engine: SharedEngine,
    hub: Arc<WatchHub<RedisKey>>,
    requests: mpsc::WeakUnboundedSender<SubscriberRequest>,
}

impl Subscriber {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<SubscriberRequest>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            join_all(batch.drain(..).map(|request| self.handle(request))).await;
        }
    }

    async fn handle(&self, request: SubscriberRequest) {
        match request {
            SubscriberRequest::Subscribe(channel, done) => {
                let _ = done.send(self.engine.subscribe(&channel, true).await);
            }
            SubscriberRequest::Recheck(channel) => {
                let watched = self.hub.is_watched(&channel);
                match self.engine.subscribe(&channel, watched).await {
                    // Changes before this subscription send no message.
                    Ok(()) => self.hub.signal(&[channel]),
                    Err(_) if watched => self.retry_later(channel),
                    Err(_) => {}
                }
            }
        }
    }

    /// Retries a subscription after a pause. This repeats until it succeeds or the channel has no watchers.
    fn retry_later(&self, channel: RedisKey) {
        let requests = self.requests.clone();
        tokio::spawn(async move {
            tokio::time::sleep(RETRY_PAUSE).await;
            if let Some(requests) = requests.upgrade() {
                let _ = requests.send(SubscriberRequest::Recheck(channel));
            }
        });
    }
}

/// Turns push messages of the engine into signals.
async fn receive(
    mut pushes: mpsc::UnboundedReceiver<PushInfo>,
    hub: Arc<WatchHub<RedisKey>>,
    requests: mpsc::WeakUnboundedSender<SubscriberRequest>,
) {
    while let Some(PushInfo { kind, data }) = pushes.recv().await {
        let channel = match data.into_iter().next() {
            Some(Value::BulkString(channel)) => Some(channel),
            _ => None,
        };
        let again: Vec<RedisKey> = match (kind, channel) {
            (PushKind::SMessage, Some(channel)) => {
                hub.signal(&[channel]);
                continue;
            }
            // The slot has moved to another node, or the channel has no watchers.
            (PushKind::SUnsubscribe, Some(channel)) if hub.is_watched(&channel) => vec![channel],
            (PushKind::Disconnection, _) => hub.watched(),
            _ => continue,
        };
        hub.signal(&again);
        let Some(requests) = requests.upgrade() else { return };
        for channel in again {
            let _ = requests.send(SubscriberRequest::Recheck(channel));
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
