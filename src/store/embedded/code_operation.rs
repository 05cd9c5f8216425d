//! The commands of codes.

use fjall::{Keyspace, UserKey, UserValue};
use uuid::Uuid;

use super::{
    engine::StoredRecord, ledger_operation::PutIfAbsent, operation::BatchCommand, record,
    transaction::Transaction,
};
use crate::domain::{
    clock::Timestamp,
    id::EnvironmentName,
    port::{Insertion, LedgerEntry, LedgerKey, Restoration, StoreResult},
    registration_code::{CodeEntry, CodeKey, RegistrationCode},
};

/// A record to store. It is encoded on the caller's thread, because all callers share the committer's time.
struct NewRecord {
    environment: EnvironmentName,
    expire_time: Timestamp,
    forget_time: Timestamp,
    key: UserKey,
    value: UserValue,
}

impl NewRecord {
    fn new(registration: &RegistrationCode) -> StoreResult<Self> {
        Ok(Self {
            environment: registration.environment.clone(),
            expire_time: registration.expire_time,
            forget_time: registration.forget_time(),
            key: record::code_key(&registration.key()),
            value: record::encode_code(registration)?,
        })
    }

    /// Writes the record, replacing the previous one.
    fn put(&self, transaction: &mut Transaction<'_>, keyspace: &Keyspace, before: Option<&StoredRecord>) {
        transaction.put(keyspace, &self.key, self.value.clone(), before);
        transaction.add_live_code(keyspace, &self.environment, self.expire_time);
        transaction.code_changed(&self.key);
    }
}

/// Inserts a record if its code is free and its environment is not full. With a ledger entry, inserts both or neither.
pub(super) struct InsertCode {
    record: NewRecord,
    max_live: u64,
    entry: Option<PutIfAbsent>,
}

impl InsertCode {
    /// Prepares the command on the caller's thread.
    pub(super) fn new(
        registration: &RegistrationCode,
        max_live: u64,
        entry: Option<(&LedgerKey, LedgerEntry)>,
    ) -> StoreResult<Self> {
        let entry = entry.map(|(key, entry)| PutIfAbsent::new(key, entry)).transpose()?;
        Ok(Self { record: NewRecord::new(registration)?, max_live, entry })
    }
}

impl BatchCommand for InsertCode {
    type Outcome = Insertion;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Insertion> {
        let Self { record, max_live, entry } = self;
        let entry = match entry {
            None => None,
            Some(entry) => match entry.location(transaction)? {
                Ok(location) => Some((entry, location)),
                Err(present) => return Ok(Insertion::Repeated(present)),
            },
        };
        let before = transaction.find_entry(&record.key)?;
        if before.as_ref().is_some_and(|(_, entry)| entry.holds_code(transaction.now)) {
            return Ok(Insertion::Taken);
        }
        if transaction.live_codes(&record.environment) >= *max_live {
            return Ok(Insertion::Full { next_expiry: transaction.next_expiry(&record.environment) });
        }
        let bucket = transaction.bucket_until(record.forget_time)?;
        record.put(transaction, &bucket, before.as_ref().map(|(found, _)| found));
        if let Some((entry, location)) = entry {
            entry.put(transaction, &location);
        }
        Ok(Insertion::Inserted)
    }
}

/// Stores the record of a code that an upstream issued. It replaces any record that held the code before.
pub(super) struct AdoptCode {
    record: NewRecord,
    id: Uuid,
}

impl AdoptCode {
    /// Prepares the command on the caller's thread.
    pub(super) fn new(registration: &RegistrationCode) -> StoreResult<Self> {
        Ok(Self { record: NewRecord::new(registration)?, id: registration.id })
    }
}

impl BatchCommand for AdoptCode {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        let record = &self.record;
        let (before, entry) = transaction.find_entry(&record.key)?.unzip();
        let Ok(live) = entry.map_or(Ok(None), |entry| entry.life(transaction.now).give_way(self.id)) else {
            return Ok(());
        };
        let bucket = transaction.bucket_until(record.forget_time)?;
        if let (Some(found), Some(live)) = (&before, live) {
            transaction.remove_live_code(&found.keyspace, &record.environment, live.expire_time);
        }
        record.put(transaction, &bucket, before.as_ref());
        Ok(())
    }
}

/// Stores a record or tombstone from another store unchanged.
pub(super) struct RestoreCode {
    record: NewRecord,
    entry: CodeEntry,
}

impl RestoreCode {
    /// Prepares the command on the caller's thread.
    pub(super) fn new(entry: &CodeEntry) -> StoreResult<Self> {
        Ok(Self { record: NewRecord::new(&entry.registration)?, entry: entry.clone() })
    }
}

impl BatchCommand for RestoreCode {
    type Outcome = Restoration;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Restoration> {
        let Self { record, entry } = self;
        if !entry.holds_code(transaction.now) {
            return Ok(Restoration::Ended);
        }
        let (before, present) = transaction.find_entry(&record.key)?.unzip();
        if let Some(present) = present.filter(|present| present.holds_code(transaction.now)) {
            return Ok(if present == *entry { Restoration::Present } else { Restoration::Differs });
        }
        let bucket = transaction.bucket_until(record.forget_time)?;
        match entry.release_time {
            None => record.put(transaction, &bucket, before.as_ref()),
            Some(release_time) => {
                let key = record::release_key(&record.key);
                let release = record::encode_release(entry.registration.id, release_time);
                let former = transaction.find_code(&key)?;
                transaction.put(&bucket, &key, release, former.as_ref());
                transaction.put(&bucket, &record.key, record.value.clone(), before.as_ref());
                transaction.code_changed(&record.key);
            }
        }
        Ok(Restoration::Restored)
    }
}

/// Turns a live record into its tombstone.
pub(super) struct ReleaseCode {
    key: UserKey,
    id: Uuid,
}

impl ReleaseCode {
    /// Releases the record `id` if it holds the code.
    pub(super) fn new(key: &CodeKey, id: Uuid) -> Self {
        Self { key: record::code_key(key), id }
    }
}

impl BatchCommand for ReleaseCode {
    type Outcome = bool;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<bool> {
        let Some((_, entry)) = transaction.find_entry(&self.key)? else { return Ok(false) };
        let Ok(tombstone) = entry.life(transaction.now).release(self.id, transaction.now) else {
            return Ok(false);
        };
        let registration = &tombstone.registration;
        // The release has its own key: overwriting the record would leave a second copy of it on disk. It goes to a bucket
        // that is written to anyway, because an otherwise idle bucket would gain a table with each memtable flush.
        let bucket = transaction.bucket_until(registration.forget_time())?;
        let key = record::release_key(&self.key);
        let before = transaction.find_code(&key)?;
        transaction.put(&bucket, &key, record::encode_release(self.id, transaction.now), before.as_ref());
        transaction.remove_live_code(&bucket, &registration.environment, registration.expire_time);
        transaction.code_changed(&self.key);
        Ok(true)
    }
}
