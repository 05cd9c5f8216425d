//! Issuers of JWTs, whose keys are read from a file at the start, or from a URL again and again.
//!
//! A task of the issuer's own reads its keys: at the start, from time to time, and when a token names a key that the set does not
//! have. Calls only wait for it, and not long; a server whose issuer is away serves everybody else.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    auth::key_set::KeySet,
    domain::{
        clock::{MonotonicInstant, SharedClock},
        limit::{Limit, LimitKey, Rate},
        port::Limits,
        randomness::{self, SharedRandomness},
    },
};

/// How long the keys of an issuer that says nothing of it may be kept (`Cache-Control: max-age`). They are read again when half
/// of it is over.
const LIFETIME: Duration = Duration::from_secs(3600);

/// What an issuer may say in its place, or it would be asked all the time, or never.
const LIFETIME_MIN: Duration = Duration::from_secs(120);
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long keys that could not be read again are used.
const KEYS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The first pause after keys could not be read; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long a call waits for keys that are being read.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How often calls may have the keys read: so often a minute, and so often at once. Whoever forges tokens can name as many keys as it likes.
const READINGS: (u32, u32) = (6, 5);

/// Where an issuer's keys are read from.
#[async_trait]
pub(crate) trait KeySource: Send + Sync {
    /// What is there now.
    ///
    /// # Errors
    /// Why it cannot be read, for the operator.
    async fn read(&self) -> Result<ServedKeys, String>;
}

/// A key set as it was served.
#[derive(Debug)]
pub(crate) struct ServedKeys {
    /// The keys.
    pub set: KeySet,
    /// How long it may be kept, where the issuer says so.
    pub max_age: Option<Duration>,
}

/// Somebody whose JWTs are taken.
pub(crate) struct Issuer {
    /// Whom tokens must be for.
    pub audience: String,
    keys: ArcSwapOption<ReadKeys>,
    /// Whether the keys are being read, or are about to be.
    is_reading: AtomicBool,
    wanted: Arc<Notify>,
    /// How many times they were tried to be read.
    reads: watch::Sender<u64>,
    clock: SharedClock,
    /// Absent where the keys stay as they are.
    task: Option<Task>,
}

/// The task that reads an issuer's keys.
struct Task {
    /// How often calls may have it read them.
    limit: Limit,
    limits: Arc<dyn Limits>,
    /// Ends it with the issuer.
    _stop: DropGuard,
}

impl Task {
    /// Takes one from the budget of readings that calls have asked for. Where that cannot be told there is none left, or a store that
    /// is gone would let strangers flood the issuer.
    async fn may_read(&self) -> bool {
        matches!(self.limits.take(&self.limit).await, Ok(Ok(())))
    }
}

/// Keys, and when they were read; those of a file stay.
struct ReadKeys {
    set: Arc<KeySet>,
    read: Option<MonotonicInstant>,
}

impl Issuer {
    /// One whose keys stay as they are.
    pub(crate) fn fixed(audience: String, set: KeySet, clock: SharedClock) -> Arc<Self> {
        let issuer = Self::new(audience, clock, None);
        issuer.keys.store(Some(Arc::new(ReadKeys { set: Arc::new(set), read: None })));
        issuer.is_reading.store(false, Ordering::Release);
        Arc::new(issuer)
    }

    /// One whose keys are read from there, by a task on `runtime` that ends with it.
    pub(crate) fn remote(
        name: &str,
        audience: String,
        source: Box<dyn KeySource>,
        parts: IssuerParts,
        runtime: &Handle,
    ) -> Arc<Self> {
        let IssuerParts { clock, randomness, limits } = parts;
        let stop = CancellationToken::new();
        let (readings, at_once) = READINGS;
        let key = LimitKey::KeyReadings(name.into());
        let limit = Limit { key, rate: Rate::new(readings, Duration::from_secs(60), at_once) };
        let task = Task { limit, limits, _stop: stop.clone().drop_guard() };
        let issuer = Arc::new(Self::new(audience, Arc::clone(&clock), Some(task)));
        // It must not keep the issuer, with which it ends.
        let reader =
            Reader { name: name.to_owned(), issuer: Arc::downgrade(&issuer), source, clock, randomness };
        runtime.spawn(async move { stop.run_until_cancelled(reader.run()).await });
        issuer
    }

    fn new(audience: String, clock: SharedClock, task: Option<Task>) -> Self {
        Self {
            audience,
            keys: ArcSwapOption::empty(),
            is_reading: AtomicBool::new(true),
            wanted: Arc::default(),
            reads: watch::Sender::default(),
            clock,
            task,
        }
    }

    /// Its keys, where they are there.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        let keys = self.keys.load();
        let keys = keys.as_ref()?;
        let is_good = |read: MonotonicInstant| self.clock.instant().since(read) <= KEYS_AGE_MAX;
        keys.read.is_none_or(is_good).then(|| Arc::clone(&keys.set))
    }

    /// Has the keys read, unless that was asked for too often, and waits for it a while. Keys of a file stay as they
    /// are.
    pub(crate) async fn read_again(&self) {
        let Some(task) = &self.task else { return };
        let mut reads = self.reads.subscribe();
        if !self.is_reading.load(Ordering::Acquire) {
            if !task.may_read().await {
                return;
            }
            self.is_reading.store(true, Ordering::Release);
            self.wanted.notify_one();
        }
        let _ = tokio::time::timeout(WAIT_MAX, reads.changed()).await;
    }
}

/// What issuers work with.
#[derive(Clone)]
pub(crate) struct IssuerParts {
    /// Time.
    pub clock: SharedClock,
    /// For pauses that several servers do not end at once.
    pub randomness: SharedRandomness,
    /// How often calls may have keys read.
    pub limits: Arc<dyn Limits>,
}

/// Reads the keys of an issuer for as long as there is one.
struct Reader {
    name: String,
    issuer: std::sync::Weak<Issuer>,
    source: Box<dyn KeySource>,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl Reader {
    async fn run(self) {
        let mut failures = 0;
        loop {
            // Their age counts from here, however long the answer takes.
            let asked = self.clock.instant();
            let read = self.source.read().await;
            let Some(issuer) = self.issuer.upgrade() else { return };
            let pause = match read {
                Ok(ServedKeys { set, max_age }) => {
                    failures = 0;
                    self.keep(&issuer, set, asked);
                    max_age.unwrap_or(LIFETIME).clamp(LIFETIME_MIN, LIFETIME_MAX) / 2
                }
                Err(problem) => {
                    tracing::warn!(issuer = self.name, %problem, "the keys of an issuer cannot be read");
                    failures += 1;
                    let pause = PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(PAUSE_MAX);
                    pause / 2 + randomness::up_to(&*self.randomness, pause / 2)
                }
            };
            issuer.is_reading.store(false, Ordering::Release);
            issuer.reads.send_modify(|reads| *reads += 1);
            let wanted = Arc::clone(&issuer.wanted);
            // While it waits it does not keep the issuer, with which it ends.
            drop(issuer);
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = wanted.notified() => {}
            }
            let Some(issuer) = self.issuer.upgrade() else { return };
            issuer.is_reading.store(true, Ordering::Release);
        }
    }

    fn keep(&self, issuer: &Issuer, set: KeySet, asked: MonotonicInstant) {
        let before = issuer.keys.load().as_ref().map(|keys| Arc::clone(&keys.set));
        // What was verified by the same keys stays so.
        let same = before.filter(|before| **before == set);
        if same.is_none() {
            tracing::info!(issuer = self.name, keys = set.len(), "the keys of an issuer are read");
        }
        let set = same.unwrap_or_else(|| Arc::new(set));
        issuer.keys.store(Some(Arc::new(ReadKeys { set, read: Some(asked) })));
    }
}

/// The issuers by name, which a reload replaces. A cheap handle.
#[derive(Clone, Default)]
pub(crate) struct Issuers(Arc<ArcSwap<BTreeMap<String, Arc<Issuer>>>>);

impl Issuers {
    /// The issuer of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Issuer>> {
        self.0.load().get(name).cloned()
    }

    /// Has these in the place of those before.
    pub(crate) fn replace(&self, issuers: BTreeMap<String, Arc<Issuer>>) {
        self.0.store(Arc::new(issuers));
    }

    /// Which there are.
    pub(crate) fn all(&self) -> Arc<BTreeMap<String, Arc<Issuer>>> {
        self.0.load_full()
    }
}
