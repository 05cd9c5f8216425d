//! The commands on codes.

use fjall::{UserKey, UserValue};
use uuid::Uuid;

use super::{ledger_operation::PutIfAbsent, operation::Command, record, transaction::Transaction};
use crate::domain::{
    clock::Timestamp,
    id::EnvironmentName,
    port::{Insertion, LedgerEntry, LedgerKey, StoreResult},
    registration::{CodeKey, Registration, State},
};

/// Inserts a record if its code is free and its environment not full.
pub struct InsertCode {
    environment: EnvironmentName,
    expire_time: Timestamp,
    forget_time: Timestamp,
    key: UserKey,
    value: UserValue,
    max_live: u64,
}

impl InsertCode {
    /// Prepares, on the caller's thread, what the committer's need not spend its time on.
    pub fn new(registration: &Registration, max_live: u64) -> StoreResult<Self> {
        Ok(Self {
            environment: registration.environment.clone(),
            expire_time: registration.expire_time,
            forget_time: registration.forget_time(),
            key: record::code_key(&registration.key()),
            value: record::encode_code(registration, None)?,
            max_live,
        })
    }
}

impl Command for InsertCode {
    type Outcome = Insertion;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Insertion> {
        let before = transaction.find_code(&self.key)?;
        if let Some(before) = &before
            && record::decode_code(&before.value)?.registration.forget_time() > transaction.now
        {
            return Ok(Insertion::Taken);
        }
        if transaction.live_codes(&self.environment) >= self.max_live {
            return Ok(Insertion::Full { next_expiry: transaction.next_expiry(&self.environment) });
        }
        let place = transaction.place_until(self.forget_time)?;
        transaction.put(&place, &self.key, self.value.clone(), before.as_ref());
        transaction.count_in(&place, &self.environment, self.expire_time);
        transaction.code_changed(&self.key);
        Ok(Insertion::Inserted)
    }
}

/// Inserts a record and a ledger entry, or neither.
pub struct InsertWithEntry {
    code: InsertCode,
    entry: PutIfAbsent,
}

impl InsertWithEntry {
    /// Prepares the command on the caller's thread.
    pub fn new(code: InsertCode, key: &LedgerKey, entry: LedgerEntry) -> StoreResult<Self> {
        Ok(Self { code, entry: PutIfAbsent::new(key, entry)? })
    }
}

impl Command for InsertWithEntry {
    type Outcome = Insertion;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Insertion> {
        let place = match self.entry.place(transaction)? {
            Ok(place) => place,
            Err(present) => return Ok(Insertion::Repeated(present)),
        };
        let insertion = self.code.decide(transaction)?;
        if insertion == Insertion::Inserted {
            self.entry.put(transaction, &place);
        }
        Ok(insertion)
    }
}

/// Keeps the record of a code that somebody else issued, whatever held the code before.
pub struct AdoptCode {
    new: InsertCode,
    id: Uuid,
}

impl AdoptCode {
    /// Prepares, on the caller's thread, what the committer's need not spend its time on.
    pub fn new(registration: &Registration) -> StoreResult<Self> {
        Ok(Self { new: InsertCode::new(registration, u64::MAX)?, id: registration.id })
    }
}

impl Command for AdoptCode {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        let new = &self.new;
        let before = transaction.find_code(&new.key)?;
        let entry = before.as_ref().map(|found| record::decode_code(&found.value)).transpose()?;
        // Who adopts it knows less than who has released it.
        if entry
            .as_ref()
            .is_some_and(|entry| entry.registration.id == self.id && entry.release_time.is_some())
        {
            return Ok(());
        }
        let live = entry.filter(|entry| entry.state(transaction.now) == State::Pending);
        let place = transaction.place_until(new.forget_time)?;
        if let (Some(found), Some(entry)) = (&before, live) {
            transaction.count_out(&found.keyspace, &new.environment, entry.registration.expire_time);
        }
        transaction.put(&place, &new.key, new.value.clone(), before.as_ref());
        transaction.count_in(&place, &new.environment, new.expire_time);
        transaction.code_changed(&new.key);
        Ok(())
    }
}

/// Turns a live record into its tombstone.
pub struct ReleaseCode {
    key: UserKey,
    id: Uuid,
}

impl ReleaseCode {
    /// Releases the record `id` if it holds the code.
    pub fn new(key: &CodeKey, id: Uuid) -> Self {
        Self { key: record::code_key(key), id }
    }
}

impl Command for ReleaseCode {
    type Outcome = bool;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<bool> {
        let Some(found) = transaction.find_code(&self.key)? else { return Ok(false) };
        let entry = record::decode_code(&found.value)?;
        if entry.registration.id != self.id || entry.state(transaction.now) != State::Pending {
            return Ok(false);
        }
        let registration = entry.registration;
        let value = record::encode_code(&registration, Some(transaction.now))?;
        transaction.put(&found.keyspace, &self.key, value, None);
        transaction.count_out(&found.keyspace, &registration.environment, registration.expire_time);
        transaction.code_changed(&self.key);
        Ok(true)
    }
}
