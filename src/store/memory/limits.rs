//! The `Limits` port.

use std::time::Duration;

use async_trait::async_trait;

use super::leaky_bucket::LeakyBuckets;
use crate::domain::{
    clock::SharedClock,
    limit::{Limit, LimitKey, LimitResult},
    port::{Limits, StoreResult},
};

/// The rate limits of one process, in memory. A restart resets them.
#[derive(Debug)]
pub(crate) struct MemoryLimits {
    calls: LeakyBuckets<LimitKey>,
    grpc_calls: LeakyBuckets<LimitKey>,
    creates: LeakyBuckets<LimitKey>,
    abandoned_creates: LeakyBuckets<LimitKey>,
    misses_of_line: LeakyBuckets<LimitKey>,
    misses_of_site: LeakyBuckets<LimitKey>,
    misses_of_network: LeakyBuckets<LimitKey>,
    misses_of_caller: LeakyBuckets<LimitKey>,
    upstream_calls: LeakyBuckets<LimitKey>,
    key_readings: LeakyBuckets<LimitKey>,
    audited_refusals: LeakyBuckets<LimitKey>,
}

impl MemoryLimits {
    /// Creates empty buckets, which drain by the monotonic time of `clock`.
    #[must_use]
    pub(crate) fn new(clock: &SharedClock) -> Self {
        let buckets = || LeakyBuckets::new(clock.clone());
        Self {
            calls: buckets(),
            grpc_calls: buckets(),
            creates: buckets(),
            abandoned_creates: buckets(),
            misses_of_line: buckets(),
            misses_of_site: buckets(),
            misses_of_network: buckets(),
            misses_of_caller: buckets(),
            upstream_calls: buckets(),
            key_readings: buckets(),
            audited_refusals: buckets(),
        }
    }

    fn buckets(&self, key: &LimitKey) -> &LeakyBuckets<LimitKey> {
        match key {
            LimitKey::Calls(_) => &self.calls,
            LimitKey::GrpcCalls(_) => &self.grpc_calls,
            LimitKey::Creates(..) => &self.creates,
            LimitKey::AbandonedCreates(..) => &self.abandoned_creates,
            LimitKey::MissesOfLine(_) => &self.misses_of_line,
            LimitKey::MissesOfSite(_) => &self.misses_of_site,
            LimitKey::MissesOfNetwork(_) => &self.misses_of_network,
            LimitKey::MissesOfCaller(_) => &self.misses_of_caller,
            LimitKey::UpstreamCalls(..) => &self.upstream_calls,
            LimitKey::KeyReadings(_) => &self.key_readings,
            LimitKey::AuditedRefusals => &self.audited_refusals,
        }
    }
}

#[async_trait]
impl Limits for MemoryLimits {
    async fn admit(&self, limits: &[Limit]) -> StoreResult<LimitResult> {
        let waits = limits.iter().filter_map(|Limit { key, rate }| self.buckets(key).admit(key, *rate).err());
        Ok(waits.max().map_or(Ok(()), Err))
    }

    async fn charge(&self, limits: &[Limit]) -> StoreResult<()> {
        limits.iter().for_each(|Limit { key, rate }| self.buckets(key).charge(key, *rate));
        Ok(())
    }

    async fn take(&self, Limit { key, rate }: &Limit) -> StoreResult<LimitResult> {
        Ok(self.buckets(key).take(key, *rate))
    }

    async fn reserve(
        &self,
        Limit { key, rate }: &Limit,
        longest: Duration,
    ) -> StoreResult<Result<Duration, Duration>> {
        Ok(self.buckets(key).reserve(key, *rate, longest))
    }
}
