//! Delete: releases a live code before it expires.

use super::{Lookup, RegistrationService, lookup::LocalLookup};
use crate::domain::{
    backend::Deletion,
    caller::{Caller, Permission},
    error::Result,
    registration_code::CodeState,
};

impl RegistrationService {
    /// Releases a live code. Returns whether the upstream has deleted it too, if there is one. Of several concurrent
    /// deletes, one succeeds.
    ///
    /// # Errors
    /// `PermissionMissing`, `CodeNotFound`, `LookupBudgetExhausted`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn delete(&self, caller: &Caller, lookup: &Lookup) -> Result<Option<bool>> {
        caller.require(Permission::CodesDelete, &lookup.place.environment, &lookup.place.requestor)?;
        let keys = self.resolve(caller, lookup).await?;
        let found = self.find(&keys).await?;
        let context = self.context(caller, &found)?;
        let (key, deletion) = match found {
            LocalLookup::Here(entry) if entry.state(self.parts().clock.now()) != CodeState::Pending => {
                return Err(self.ended(caller, lookup, &entry.registration.key()).await);
            }
            LocalLookup::Here(entry) => {
                let backend = self.backend_of(&entry.registration)?;
                let deletion = backend.codes().delete(&context, &entry.registration).await;
                let deletion = self.known(caller, lookup, deletion).await?;
                (entry.registration.key(), deletion)
            }
            LocalLookup::Nothing { key, backend } => {
                let deletion = backend.codes().delete_unknown(&context, &key, lookup.viewer).await;
                let deletion = self.known(caller, lookup, deletion).await?;
                if deletion == Deletion::NotFound {
                    return Err(self.missed(caller, lookup, &key).await);
                }
                (key, deletion)
            }
        };
        match deletion {
            Deletion::Released { upstream_deleted } => {
                // Existing logins with the code stay valid. New ones are not possible.
                if upstream_deleted == Some(false) {
                    self.parts().memory.code_deleted(&key).await?;
                }
                Ok(upstream_deleted)
            }
            Deletion::NotFound => Err(self.not_found(caller, &key).await),
        }
    }
}
