//! Watch: returns the current state of a code, then each change until the code ends.

use std::sync::Arc;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Lookup, RegistrationService, RegistrationView,
    lookup::{CandidateKeys, LocalLookup},
    poll::{Poll, PollContext},
};
use crate::{
    domain::{
        backend::IssuerRecord,
        caller::{Caller, Permission},
        clock::Timestamp,
        error::{Error, Result},
        port::Signals,
        registration_code::{CodeKey, CodeState, RegistrationCode},
    },
    format::{decode_code, encode_code},
    service::quota,
};

/// What to watch.
#[derive(Debug, Clone)]
pub struct WatchRegistration {
    /// The code.
    pub lookup: Lookup,
    /// The record that the caller knows under this code. A watch that resumes after a broken connection sends it to
    /// learn how its own record ended, and never follows another record with the same code.
    pub id: Option<Uuid>,
}

/// A message of a watch.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent {
    /// The record's state. It differs from that in the previous message.
    State(Box<RegistrationView>),
    /// The watched record no longer exists, and its code belongs to another record. Counts as released; nothing else is
    /// known.
    Replaced {
        /// The watched record.
        id: Uuid,
        /// The code that it had.
        key: CodeKey,
    },
}

/// A watch that has sent the current state and waits for the end.
struct Watch {
    service: RegistrationService,
    key: CodeKey,
    /// The record's id.
    id: Uuid,
    expire_time: Timestamp,
    /// The record for the last message. Encoded, since many watches wait for long and this takes a third of the memory.
    record: Box<[u8]>,
    signals: Signals,
    /// The caller.
    caller: Caller,
    /// Notifies of policy changes that may affect the caller's permission.
    replacements: watch::Receiver<()>,
    // Keeps the upstream polled, if there is one.
    _poll: Option<Arc<Poll>>,
    // Holds the watch's slot.
    _slot: quota::QuotaSlot,
}

impl RegistrationService {
    /// Watches a code. The first message follows at once. The stream ends after RELEASED or EXPIRED.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`], [`Error::LookupBudgetExhausted`], [`Error::QuotaExhausted`],
    /// [`Error::StoreUnavailable`]; [`Error::CodeNotFound`] if there is nothing under the code, or only the tombstone
    /// of a record that the caller did not name.
    pub async fn watch(
        &self,
        caller: &Caller,
        request: WatchRegistration,
    ) -> Result<BoxStream<'static, Result<WatchEvent>>> {
        let WatchRegistration { lookup, id } = request;
        // Subscribe before checking the caller, so that no change is missed.
        let replacements = self.policy().replacements();
        let caller = &self.policy().load().renewed(caller)?;
        caller.require(Permission::CodesRead, &lookup.place.environment, &lookup.place.requestor)?;
        let slot = self.parts().watches.take(caller)?;
        let keys = self.resolve(caller, &lookup).await?;
        let key = self.key_to_watch(caller, &lookup, &keys).await?;
        // Subscribe before reading the record, so that no change is missed.
        let signals = self.parts().store.codes.watch(&key).await?;
        let Some(entry) = self.parts().store.codes.get(&key).await? else {
            return Err(self.missed(caller, &lookup, &key).await);
        };
        match id {
            Some(id) if id != entry.registration.id => {
                return Ok(stream::iter([Ok(WatchEvent::Replaced { id, key })]).boxed());
            }
            None if entry.state(self.parts().clock.now()) != CodeState::Pending => {
                return Err(self.not_found(caller, &key).await);
            }
            Some(_) | None => {}
        }
        let poll = self.poll(&entry.registration)?;
        let state = entry.state(self.parts().clock.now());
        let mut watch = Watch {
            service: self.clone(),
            key,
            id: entry.registration.id,
            expire_time: entry.registration.expire_time,
            record: encode_code(&entry.registration)?.into(),
            signals,
            caller: caller.clone(),
            replacements,
            _poll: poll,
            _slot: slot,
        };
        let first = stream::iter([Ok(self.event(entry.registration, state))]);
        if state != CodeState::Pending {
            return Ok(first.boxed());
        }
        Ok(first.chain(stream::once(async move { watch.last().await })).boxed())
    }

    fn event(&self, registration: RegistrationCode, state: CodeState) -> WatchEvent {
        WatchEvent::State(Box::new(self.view(Box::new(registration), state)))
    }

    /// The code whose record is stored here. If an upstream knows a code that was not issued through this server, its
    /// record is stored now.
    async fn key_to_watch(&self, caller: &Caller, lookup: &Lookup, keys: &CandidateKeys) -> Result<CodeKey> {
        let (key, backend) = match self.find(keys).await? {
            LocalLookup::Here(entry) => return Ok(entry.registration.key()),
            LocalLookup::Nothing { key, backend } => (key, backend),
        };
        match backend.codes().find(caller.context(), &key, lookup.viewer).await? {
            IssuerRecord::Whole(record) => {
                self.parts().store.codes.adopt(&record).await?;
                Ok(key)
            }
            IssuerRecord::Partial(_) | IssuerRecord::Nothing => Err(self.missed(caller, lookup, &key).await),
        }
    }

    fn poll(&self, record: &RegistrationCode) -> Result<Option<Arc<Poll>>> {
        if record.shadow.is_none() {
            return Ok(None);
        }
        // Reject a watch that could never be answered.
        self.backend_of(record)?;
        let parts = self.parts();
        let context = PollContext {
            backends: parts.backends.clone(),
            policy: Arc::clone(&parts.policy),
            codes: Arc::clone(&parts.store.codes),
            memory: parts.memory.clone(),
            clock: Arc::clone(&parts.clock),
            randomness: Arc::clone(&parts.randomness),
            record: record.clone(),
        };
        Ok(Some(self.inner.pollers.join(context)))
    }
}

impl Watch {
    /// Waits for the end and returns the last message.
    async fn last(&mut self) -> Result<WatchEvent> {
        let state = self.end().await?;
        Ok(self.service.event(decode_code(&self.record)?, state))
    }

    /// Checks that the caller may still watch under the current policy.
    fn check_caller(&mut self) -> Result<()> {
        self.caller = self.service.policy().load().renewed(&self.caller)?;
        self.caller.require(Permission::CodesRead, &self.key.environment, &self.key.requestor)
    }

    /// Waits until the record is no longer pending, or the caller lost its permission.
    async fn end(&mut self) -> Result<CodeState> {
        let parts = Arc::clone(&self.service.inner);
        let clock = &parts.parts.clock;
        loop {
            let expired = tokio::select! {
                signal = self.signals.next() => {
                    if signal.is_none() {
                        return Err(Error::ShuttingDown);
                    }
                    false
                }
                () = clock.sleep_until(self.expire_time) => true,
                Ok(()) = self.replacements.changed() => {
                    self.check_caller()?;
                    continue;
                }
            };
            let entry = parts.parts.store.codes.get(&self.key).await?;
            match entry.filter(|entry| entry.registration.id == self.id) {
                Some(entry) => match entry.state(clock.now()) {
                    CodeState::Pending => {}
                    ended => return Ok(ended),
                },
                // Both the record and its tombstone are deleted: the code was reissued, or forgotten.
                None if expired => return Ok(CodeState::Expired),
                None => return Ok(CodeState::Released),
            }
        }
    }
}
