//! JWT issuers. Their keys come from a file that is read at startup, or from a URL that is read repeatedly.
//!
//! Each issuer has a task that reads its keys at startup, periodically, and when a token names an unknown key. Calls
//! wait for the task for a limited time. An unavailable issuer does not affect other callers.

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

/// The lifetime of an issuer's keys if the issuer specifies none (`Cache-Control: max-age`). The keys are read again after
/// half of it.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The bounds of the lifetime that an issuer may specify, so that its keys are read neither constantly nor never.
const LIFETIME_MIN: Duration = Duration::from_secs(120);
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long keys stay in use when they cannot be read again.
const KEYS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The pause after the first failed read. It doubles up to the maximum.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long a call waits for keys that are being read.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The rate limit of reads caused by calls: per minute, and the burst. Forged tokens can name any number of keys.
const READINGS: (u32, u32) = (6, 5);

/// The source of an issuer's keys.
#[async_trait]
pub(crate) trait KeySource: Send + Sync {
    /// Reads the current keys.
    ///
    /// # Errors
    /// The reason that they cannot be read, for the operator.
    async fn read(&self) -> Result<ServedKeys, String>;
}

/// A key set as served.
#[derive(Debug)]
pub(crate) struct ServedKeys {
    /// The keys.
    pub set: KeySet,
    /// The lifetime, if the issuer specifies one.
    pub max_age: Option<Duration>,
}

/// An issuer whose JWTs are accepted.
pub(crate) struct JwtIssuer {
    /// The required audience of tokens.
    pub audience: String,
    keys: ArcSwapOption<ReadKeys>,
    /// Whether a read is in progress or pending.
    is_reading: AtomicBool,
    wanted: Arc<Notify>,
    /// The number of attempts to read the keys.
    reads: watch::Sender<u64>,
    clock: SharedClock,
    /// `None` for keys that never change.
    task: Option<KeyRefreshTask>,
}

/// The task that reads an issuer's keys.
struct KeyRefreshTask {
    /// The rate limit of reads caused by calls.
    limit: Limit,
    limits: Arc<dyn Limits>,
    /// Stops the task when the issuer is dropped.
    _stop: DropGuard,
}

impl KeyRefreshTask {
    /// Charges the budget of reads caused by calls. Denies the read if the budget cannot be checked: otherwise anyone
    /// could flood the issuer while the store is unavailable.
    async fn may_read(&self) -> bool {
        matches!(self.limits.take(&self.limit).await, Ok(Ok(())))
    }
}

/// Keys and the time they were read. Keys of a file have no time.
struct ReadKeys {
    set: Arc<KeySet>,
    read: Option<MonotonicInstant>,
}

impl JwtIssuer {
    /// An issuer whose keys never change.
    pub(crate) fn fixed(audience: String, set: KeySet, clock: SharedClock) -> Arc<Self> {
        let issuer = Self::new(audience, clock, None);
        issuer.keys.store(Some(Arc::new(ReadKeys { set: Arc::new(set), read: None })));
        issuer.is_reading.store(false, Ordering::Release);
        Arc::new(issuer)
    }

    /// An issuer whose keys are read from `source` by a task on `runtime`. The task stops with the issuer.
    pub(crate) fn remote(
        name: &str,
        audience: String,
        source: Box<dyn KeySource>,
        parts: IssuerDependencies,
        runtime: &Handle,
    ) -> Arc<Self> {
        let IssuerDependencies { clock, randomness, limits } = parts;
        let stop = CancellationToken::new();
        let (readings, at_once) = READINGS;
        let key = LimitKey::KeyReadings(name.into());
        let limit = Limit { key, rate: Rate::new(readings, Duration::from_secs(60), at_once) };
        let task = KeyRefreshTask { limit, limits, _stop: stop.clone().drop_guard() };
        let issuer = Arc::new(Self::new(audience, Arc::clone(&clock), Some(task)));
        // A weak reference, because the task must stop when the issuer is dropped.
        let reader =
            KeyReader { name: name.to_owned(), issuer: Arc::downgrade(&issuer), source, clock, randomness };
        runtime.spawn(async move { stop.run_until_cancelled(reader.run()).await });
        issuer
    }

    fn new(audience: String, clock: SharedClock, task: Option<KeyRefreshTask>) -> Self {
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

    /// The keys, if they are available.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        let keys = self.keys.load();
        let keys = keys.as_ref()?;
        let is_good = |read: MonotonicInstant| self.clock.instant().since(read) <= KEYS_AGE_MAX;
        keys.read.is_none_or(is_good).then(|| Arc::clone(&keys.set))
    }

    /// Requests a read of the keys, within the rate limit, and waits for it for a limited time. Does nothing for keys
    /// of a file.
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

#[derive(Clone)]
pub(crate) struct IssuerDependencies {
    /// The clock.
    pub clock: SharedClock,
    /// Randomness for jitter, so that several servers do not retry at once.
    pub randomness: SharedRandomness,
    /// The rate limits of reads caused by calls.
    pub limits: Arc<dyn Limits>,
}

/// Reads the keys of an issuer until the issuer is dropped.
struct KeyReader {
    name: String,
    issuer: std::sync::Weak<JwtIssuer>,
    source: Box<dyn KeySource>,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl KeyReader {
    async fn run(self) {
        let mut failures = 0;
        loop {
            // The age of the keys counts from the request, regardless of the response time.
            let requested_at = self.clock.instant();
            let read = self.source.read().await;
            let Some(issuer) = self.issuer.upgrade() else { return };
            let pause = match read {
                Ok(ServedKeys { set, max_age }) => {
                    failures = 0;
                    self.keep(&issuer, set, requested_at);
                    max_age.unwrap_or(LIFETIME).clamp(LIFETIME_MIN, LIFETIME_MAX) / 2
                }
                Err(problem) => {
                    tracing::warn!(issuer = self.name, %problem, "cannot read the keys of an issuer");
                    failures += 1;
                    let pause = PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(PAUSE_MAX);
                    pause / 2 + randomness::up_to(&*self.randomness, pause / 2)
                }
            };
            issuer.is_reading.store(false, Ordering::Release);
            issuer.reads.send_modify(|reads| *reads += 1);
            let wanted = Arc::clone(&issuer.wanted);
            // The task holds no strong reference while it waits, because it must stop when the issuer is dropped.
            drop(issuer);
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = wanted.notified() => {}
            }
            let Some(issuer) = self.issuer.upgrade() else { return };
            issuer.is_reading.store(true, Ordering::Release);
        }
    }

    fn keep(&self, issuer: &JwtIssuer, set: KeySet, requested_at: MonotonicInstant) {
        let before = issuer.keys.load().as_ref().map(|keys| Arc::clone(&keys.set));
        // Keep an equal key set, so that cached verifications stay valid.
        let same = before.filter(|before| **before == set);
        if same.is_none() {
            tracing::info!(issuer = self.name, keys = set.len(), "read the keys of an issuer");
        }
        let set = same.unwrap_or_else(|| Arc::new(set));
        issuer.keys.store(Some(Arc::new(ReadKeys { set, read: Some(requested_at) })));
    }
}

/// The issuers by name. A reload replaces them. A cheap handle.
#[derive(Clone, Default)]
pub(crate) struct Issuers(Arc<ArcSwap<BTreeMap<String, Arc<JwtIssuer>>>>);

impl Issuers {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<JwtIssuer>> {
        self.0.load().get(name).cloned()
    }

    pub(crate) fn replace(&self, issuers: BTreeMap<String, Arc<JwtIssuer>>) {
        self.0.store(Arc::new(issuers));
    }

    pub(crate) fn all(&self) -> Arc<BTreeMap<String, Arc<JwtIssuer>>> {
        self.0.load_full()
    }
}
