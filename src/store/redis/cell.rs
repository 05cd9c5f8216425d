//! Cells: values in different slots that can be changed atomically.
//!
//! A cell starts with its version, eight random bytes. A change of one cell is a single script, which checks that the version
//! is still the one that the decision was based on. A change of several cells has three steps:
//!
//! 1. It locks each cell. The locks contain the new values.
//! 2. It commits at the first cell.
//! 3. It applies the locks on the other cells.
//!
//! A caller that finds a lock reads the outcome of the change at its first cell, and then applies or removes the lock. A change
//! that is not committed in time is aborted there permanently. Whichever process fails in between, every reader sees either the
//! whole change or none of it.
//!
//! The algorithm is that of Percolator (Peng and Dabek, OSDI 2010), with versions instead of timestamps.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    RedisStore,
    code_value::key_end,
    key::{self, RedisKey},
    script::{self, EngineCall},
};
use crate::domain::{clock::Timestamp, error::StoreError, port::StoreResult, randomness};

/// The maximum time for which a change holds its locks.
pub(super) const LOCK_DURATION: Duration = Duration::from_secs(5);

/// The TTL of an outcome whose locks may not all be applied yet: longer than the lifetime of any cell.
const UNAPPLIED_TTL: Duration = Duration::from_secs(2_000 * 24 * 60 * 60);

/// The TTL of an outcome whose locks are all applied.
const APPLIED_TTL: Duration = Duration::from_secs(60);

/// The maximum number of attempts under contention, the backoff per attempt, and its maximum.
pub(super) const MAX_ATTEMPTS: u32 = 100;
const BACKOFF: Duration = Duration::from_millis(2);
const MAX_BACKOFF: Duration = Duration::from_millis(100);

const VERSION_LENGTH: usize = 8;
const ID_LENGTH: usize = 16;

/// A cell as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub key: RedisKey,
    /// Empty if the cell does not exist.
    version: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Cell {
    /// A cell that does not exist.
    pub(super) fn absent(key: RedisKey) -> Self {
        Self { key, version: Vec::new(), value: None }
    }
}

/// The new value of a cell and the time from which it may be forgotten. `None` removes the cell.
pub(super) type NextValue = Option<(Vec<u8>, Timestamp)>;

/// The stored form of a cell and the expiry of its key. Empty for a removal.
fn stored(next: &NextValue, version: [u8; VERSION_LENGTH]) -> (Vec<u8>, u64) {
    match next {
        Some((value, end)) => ([&version, value.as_slice()].concat(), key_end(*end)),
        None => (Vec::new(), 0),
    }
}

/// A lock in the engine. `scripts/cell_commit.lua` documents its layout.
pub(super) struct CellLock {
    id: [u8; ID_LENGTH],
    deadline: u64,
    first: RedisKey,
}

impl CellLock {
    fn encode(&self, next: &NextValue, version: [u8; VERSION_LENGTH]) -> Vec<u8> {
        let (value, end) = stored(next, version);
        let head = format!("{:013}{end:013}{:05}", self.deadline, self.first.len());
        [&self.id, head.as_bytes(), &self.first, &value].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<ID_LENGTH>()?;
        let number = |range: std::ops::Range<usize>| -> Option<u64> {
            std::str::from_utf8(rest.get(range)?).ok()?.parse().ok()
        };
        let (deadline, length) = (number(0..13)?, usize::try_from(number(26..31)?).ok()?);
        Some(Self { id: *id, deadline, first: rest.get(31..)?.get(..length)?.to_vec() })
    }
}

impl RedisStore {
    /// Reads a cell and the engine's time. If the cell is locked, first resolves the lock.
    pub(super) async fn read_cell(&self, key: RedisKey) -> StoreResult<(Cell, Timestamp)> {
        for attempt in 0..MAX_ATTEMPTS {
            let read = EngineCall::script(&script::CELL_READ, [key.clone(), key::lock(&key)]);
            let (raw, lock, now): (Vec<u8>, Vec<u8>, u64) = self.engine().call(read).await?;
            if lock.is_empty() {
                let cell = match raw.split_at_checked(VERSION_LENGTH) {
                    Some((version, value)) => {
                        Cell { key, version: version.to_vec(), value: Some(value.to_vec()) }
                    }
                    None => Cell::absent(key),
                };
                return Ok((cell, Timestamp::from_millis(now)));
            }
            let lock = CellLock::parse(&lock)
                .ok_or_else(|| StoreError::Corrupt("lock of a cell: invalid bytes".to_owned()))?;
            if !self.resolve(&key, &lock).await? {
                self.back_off(attempt).await;
            }
        }
        Err(contended())
    }

    /// Changes all cells, or none. Returns false if a cell has changed since it was read, or is being changed.
    ///
    /// # Errors
    /// If the engine is unreachable. The change may then have happened.
    pub(super) async fn change_cells(
        &self,
        changes: &[(Cell, NextValue)],
        now: Timestamp,
    ) -> StoreResult<bool> {
        match changes {
            [] => Ok(true),
            [(cell, next)] => self.change_one(cell, next).await,
            _ => match self.lock_cells(changes, now).await? {
                Some(lock) => self.commit_cells(changes, &lock).await,
                None => Ok(false),
            },
        }
    }

    async fn change_one(&self, cell: &Cell, next: &NextValue) -> StoreResult<bool> {
        let (value, end) = stored(next, self.version()?);
        let write = EngineCall::script(&script::CELL_WRITE, [cell.key.clone(), key::lock(&cell.key)])
            .arg(&cell.version)
            .arg(value)
            .number(end);
        let written: u64 = self.engine().call(write).await?;
        Ok(written == 1)
    }

    /// Locks several cells. The first one decides the outcome of the change. Returns `None` if a cell has changed or is locked.
    pub(super) async fn lock_cells(
        &self,
        changes: &[(Cell, NextValue)],
        now: Timestamp,
    ) -> StoreResult<Option<CellLock>> {
        let first = changes.first().map(|(cell, _)| cell.key.clone()).unwrap_or_default();
        let lock = CellLock { id: self.change_id()?, deadline: (now + LOCK_DURATION).as_millis(), first };
        let mut calls = Vec::with_capacity(changes.len());
        for (cell, next) in changes {
            let call = EngineCall::script(&script::CELL_LOCK, lock.keys(&cell.key))
                .arg(&cell.version)
                .arg(lock.encode(next, self.version()?));
            calls.push(self.engine().call::<u64>(call));
        }
        let locked = join_all(calls).await;
        if locked.iter().all(|locked| matches!(locked, Ok(1))) {
            return Ok(Some(lock));
        }
        self.unlock(changes, &lock).await;
        locked.into_iter().collect::<StoreResult<Vec<_>>>()?;
        Ok(None)
    }

    /// Commits and applies a change whose cells are all locked. Returns false if the change was aborted in the meantime.
    pub(super) async fn commit_cells(
        &self,
        changes: &[(Cell, NextValue)],
        lock: &CellLock,
    ) -> StoreResult<bool> {
        if !self.commit_first(lock).await? {
            self.unlock(changes, lock).await;
            return Ok(false);
        }
        let rest = changes.iter().filter(|(cell, _)| cell.key != lock.first);
        let applied = join_all(rest.map(|(cell, _)| self.engine().call::<u64>(lock.commit(&cell.key)))).await;
        if applied.iter().all(Result::is_ok) {
            let forget = EngineCall::command("PEXPIRE", [key::outcome(&lock.first, &lock.id)])
                .number(millis(APPLIED_TTL));
            // If this fails, a few bytes stay longer than necessary.
            let _ = self.engine().call::<u64>(forget).await;
        }
        Ok(true)
    }

    /// Commits at the first cell. Returns false if the change was aborted.
    pub(super) async fn commit_first(&self, lock: &CellLock) -> StoreResult<bool> {
        let committed: u64 = self.engine().call(lock.commit(&lock.first)).await?;
        Ok(committed == 1)
    }

    /// Removes the locks of an aborted change. A lock that remains is removed by the next reader.
    async fn unlock(&self, changes: &[(Cell, NextValue)], lock: &CellLock) {
        let unlock = |(cell, _): &(Cell, NextValue)| {
            let call = EngineCall::script(&script::CELL_UNLOCK, [key::lock(&cell.key)]).arg(lock.id);
            self.engine().call::<u64>(call)
        };
        join_all(changes.iter().map(unlock)).await;
    }

    /// Applies or removes a lock that was found on a cell. Returns false if its change is still in progress.
    async fn resolve(&self, cell: &[u8], lock: &CellLock) -> StoreResult<bool> {
        let ask = EngineCall::script(
            &script::CELL_OUTCOME,
            [key::lock(&lock.first), key::outcome(&lock.first, &lock.id)],
        )
        .arg(lock.id)
        .number(lock.deadline)
        .number(millis(UNAPPLIED_TTL));
        let outcome: String = self.engine().call(ask).await?;
        let act = match &*outcome {
            "pending" => return Ok(false),
            "committed" => lock.commit(cell),
            _ => EngineCall::script(&script::CELL_UNLOCK, [key::lock(cell)]).arg(lock.id),
        };
        self.engine().call::<u64>(act).await?;
        Ok(true)
    }

    /// Backs off under contention, with jitter and longer with each attempt.
    pub(super) async fn back_off(&self, attempt: u32) {
        let longest = (BACKOFF * (attempt + 1)).min(MAX_BACKOFF);
        let wait = randomness::up_to(&*self.options().randomness, longest);
        tokio::time::sleep(wait).await;
    }

    fn change_id(&self) -> StoreResult<[u8; ID_LENGTH]> {
        let id = self.options().randomness.uuid();
        id.map(uuid::Uuid::into_bytes).map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    fn version(&self) -> StoreResult<[u8; VERSION_LENGTH]> {
        let mut version = [0; VERSION_LENGTH];
        let filled = self.options().randomness.fill(&mut version);
        filled.map(|()| version).map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

impl CellLock {
    /// The keys of a script for one of the cells. For the first cell they include the outcome.
    fn keys(&self, cell: &[u8]) -> Vec<RedisKey> {
        let outcome = (cell == self.first).then(|| key::outcome(&self.first, &self.id));
        [cell.to_vec(), key::lock(cell)].into_iter().chain(outcome).collect()
    }

    fn commit(&self, cell: &[u8]) -> EngineCall {
        EngineCall::script(&script::CELL_COMMIT, self.keys(cell)).arg(self.id).number(millis(UNAPPLIED_TTL))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The error after the maximum number of attempts.
pub(super) fn contended() -> StoreError {
    StoreError::Unavailable("too many concurrent changes of the same trial; try again".to_owned())
}
