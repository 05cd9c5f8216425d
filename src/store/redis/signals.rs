//! Signals of changes, by sharded publish/subscribe: the scripts that change something publish to its channel, and this process
//! subscribes to the channels that somebody here waits for.
//!
//! A message may be lost: with its connection, with a primary, while a slot moves. So whatever ends a connection signals
//! everybody who waits, and so do a new subscription and the passing of [`SAFETY_INTERVAL`]; who is signalled reads again.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{engine::SharedEngine, key::Key, options::RedisOptions};
use crate::{
    domain::{
        clock::SharedClock,
        error::StoreError,
        port::{Signals, StoreResult},
        randomness::{self, SharedRandomness},
    },
    store::watch_hub::WatchHub,
};

/// How long what was missed may stay unnoticed.
const SAFETY_INTERVAL: Duration = Duration::from_secs(60);

/// How long until subscriptions are tried again that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How many subscriptions are made at once.
const BATCH: usize = 512;

/// What is to be subscribed to, or is not waited for any more.
enum Wish {
    Subscribe(Key, oneshot::Sender<StoreResult<()>>),
    /// Nobody waits for it, or nobody did a moment ago.
    Look(Key),
}

/// Who waits for which channel.
pub(super) struct ChannelSignals {
    hub: Arc<WatchHub<Key>>,
    wishes: mpsc::UnboundedSender<Wish>,
    clock: SharedClock,
    randomness: SharedRandomness,
    closed: CancellationToken,
}

impl ChannelSignals {
    /// Signals what the engine pushes.
    pub(super) fn start(
        engine: SharedEngine,
        options: &RedisOptions,
        pushes: mpsc::UnboundedReceiver<PushInfo>,
    ) -> Self {
        let (wishes, queue) = mpsc::unbounded_channel();
        let hub = Arc::new(WatchHub::default());
        let closed = CancellationToken::new();
        let subscriber = Subscriber { engine, hub: Arc::clone(&hub), wishes: wishes.downgrade() };
        let (subscribing, receiving) = (closed.clone(), closed.clone());
        let lost = wishes.downgrade();
        let pushed = Arc::clone(&hub);
        tokio::spawn(async move { subscribing.run_until_cancelled(subscriber.run(queue)).await });
        tokio::spawn(async move { receiving.run_until_cancelled(receive(pushes, pushed, lost)).await });
        Self {
            hub,
            wishes,
            clock: Arc::clone(&options.clock),
            randomness: Arc::clone(&options.randomness),
            closed,
        }
    }

    /// Signals for a channel, from when this returns.
    ///
    /// # Errors
    /// Where the engine is away.
    pub(super) async fn watch(&self, channel: Key) -> StoreResult<Signals> {
        let signals = self.hub.watch(channel.clone());
        // From here on it is looked at again when nobody waits any more, also if this fails or is given up.
        let leaving = Leaving { channel: channel.clone(), wishes: self.wishes.clone() };
        let (done, outcome) = oneshot::channel();
        let _ = self.wishes.send(Wish::Subscribe(channel, done));
        outcome.await.unwrap_or_else(|_| Err(closed()))?;
        let (clock, randomness) = (Arc::clone(&self.clock), Arc::clone(&self.randomness));
        let watching = Watching { signals: Some(signals), _leaving: leaving, clock, randomness };
        Ok(stream::unfold(watching, Watching::next).boxed())
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.closed.cancel();
        self.hub.close();
    }
}

/// A stream of signals, with one now and then that stands for those that were missed.
struct Watching {
    signals: Option<Signals>,
    _leaving: Leaving,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl Watching {
    async fn next(mut self) -> Option<((), Self)> {
        let wait = randomness::spread(&*self.randomness, SAFETY_INTERVAL);
        let signal = tokio::select! {
            signal = self.signals.as_mut()?.next() => signal,
            () = self.clock.sleep(wait) => Some(()),
        };
        signal.map(|()| ((), self))
    }
}

/// Has a channel looked at again when somebody waits for it no longer.
struct Leaving {
    channel: Key,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = self.wishes.send(Wish::Look(std::mem::take(&mut self.channel)));
    }
}

/// Subscribes, one batch after the other, so that of a subscription and its end the later one holds.
struct Subscriber {
    engine: SharedEngine,
    hub: Arc<WatchHub<Key>>,
    wishes: mpsc::WeakUnboundedSender<Wish>,
}

impl Subscriber {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Wish>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            join_all(batch.drain(..).map(|wish| self.fulfil(wish))).await;
        }
    }

    async fn fulfil(&self, wish: Wish) {
        match wish {
            Wish::Subscribe(channel, done) => {
                let _ = done.send(self.engine.subscribe(&channel, true).await);
            }
            Wish::Look(channel) => {
                let watched = self.hub.is_watched(&channel);
                match self.engine.subscribe(&channel, watched).await {
                    // What changed before this is not heard of any more.
                    Ok(()) => self.hub.signal(&[channel]),
                    Err(_) if watched => self.look_again(channel),
                    Err(_) => {}
                }
            }
        }
    }

    /// A subscription that is lost and cannot be made again is tried until it can, or nobody waits for it.
    fn look_again(&self, channel: Key) {
        let wishes = self.wishes.clone();
        tokio::spawn(async move {
            tokio::time::sleep(RETRY_PAUSE).await;
            if let Some(wishes) = wishes.upgrade() {
                let _ = wishes.send(Wish::Look(channel));
            }
        });
    }
}

/// Turns what the engine pushes into signals.
async fn receive(
    mut pushes: mpsc::UnboundedReceiver<PushInfo>,
    hub: Arc<WatchHub<Key>>,
    wishes: mpsc::WeakUnboundedSender<Wish>,
) {
    while let Some(PushInfo { kind, data }) = pushes.recv().await {
        let channel = match data.into_iter().next() {
            Some(Value::BulkString(channel)) => Some(channel),
            _ => None,
        };
        let again: Vec<Key> = match (kind, channel) {
            (PushKind::SMessage, Some(channel)) => {
                hub.signal(&[channel]);
                continue;
            }
            // The slot has gone to another node, or nobody waits any more.
            (PushKind::SUnsubscribe, Some(channel)) if hub.is_watched(&channel) => vec![channel],
            (PushKind::Disconnection, _) => hub.watched(),
            _ => continue,
        };
        hub.signal(&again);
        let Some(wishes) = wishes.upgrade() else { return };
        for channel in again {
            let _ = wishes.send(Wish::Look(channel));
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
