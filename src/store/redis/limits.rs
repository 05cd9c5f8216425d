//! The `Limits` port: buckets shared by all replicas. Each process first checks local buckets, which contain only its own calls. A
//! caller that exceeds the local limit also exceeds the shared one, and is refused without a call to the engine.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{
    RedisStore, key,
    script::{self, EngineCall},
};
use crate::domain::{
    limit::{Limit, LimitResult},
    port::{Limits, StoreResult},
};

/// An operation on a bucket.
#[derive(Clone, Copy)]
enum LimitOperation {
    Admit,
    Charge,
    Take,
    /// With the maximum wait.
    Reserve(Duration),
}

#[async_trait]
impl Limits for RedisStore {
    async fn admit(&self, limits: &[Limit]) -> StoreResult<LimitResult> {
        if let Err(wait) = self.own_limits().admit(limits).await? {
            return Ok(Err(wait));
        }
        let asked =
            try_join_all(limits.iter().map(|limit| self.bucket(limit, LimitOperation::Admit))).await?;
        Ok(asked.into_iter().filter(|(room, _)| !room).map(|(_, wait)| wait).max().map_or(Ok(()), Err))
    }

    async fn charge(&self, limits: &[Limit]) -> StoreResult<()> {
        self.own_limits().charge(limits).await?;
        try_join_all(limits.iter().map(|limit| self.bucket(limit, LimitOperation::Charge))).await.map(drop)
    }

    async fn take(&self, limit: &Limit) -> StoreResult<LimitResult> {
        if let Err(wait) = self.own_limits().take(limit).await? {
            return Ok(Err(wait));
        }
        let (room, wait) = self.bucket(limit, LimitOperation::Take).await?;
        Ok(if room { Ok(()) } else { Err(wait) })
    }

    async fn reserve(&self, limit: &Limit, longest: Duration) -> StoreResult<Result<Duration, Duration>> {
        let (reserved, wait) = self.bucket(limit, LimitOperation::Reserve(longest)).await?;
        Ok(if reserved { Ok(wait) } else { Err(wait) })
    }
}

impl RedisStore {
    /// Performs an operation. Returns whether there was room, and the time to wait.
    async fn bucket(
        &self,
        Limit { key, rate }: &Limit,
        act: LimitOperation,
    ) -> StoreResult<(bool, Duration)> {
        let (name, longest) = match act {
            LimitOperation::Admit => ("admit", Duration::ZERO),
            LimitOperation::Charge => ("charge", Duration::ZERO),
            LimitOperation::Take => ("take", Duration::ZERO),
            LimitOperation::Reserve(longest) => ("reserve", longest),
        };
        let call = EngineCall::script(&script::LIMIT, [key::bucket(key)])
            .arg(name)
            .number(micros(rate.interval()))
            .number(u64::from(rate.burst()))
            .number(micros(longest));
        // Losing a bucket's last changes with a failing primary is harmless, so this does not wait for replicas.
        let (room, wait): (u8, u64) = self.engine().call_unacknowledged(call).await?;
        Ok((room == 1, Duration::from_micros(wait)))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
