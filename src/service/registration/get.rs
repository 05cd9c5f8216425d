//! Get: the live record of a code.

use super::{Lookup, RegistrationService, RegistrationView, lookup::LocalLookup};
use crate::domain::{
    backend::{CodePresence, IssuerRecord},
    caller::{Caller, Permission},
    error::Result,
    registration_code::CodeState,
};

impl RegistrationService {
    /// Like [`get`](Self::get), for a face that only returns complete records. A code that was not issued through this
    /// server is treated as missing, with the same response and the same charge to the failed-lookup budget.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    pub(crate) async fn get_whole(&self, caller: &Caller, lookup: &Lookup) -> Result<RegistrationView> {
        let view = self.get(caller, lookup).await?;
        if view.is_partial {
            return Err(self.missed(caller, lookup, &view.registration.key()).await);
        }
        Ok(view)
    }

    /// The live record of a code.
    ///
    /// # Errors
    /// `PermissionMissing`, `CodeNotFound`, `LookupBudgetExhausted`, `StoreUnavailable` and those of an upstream of
    /// [`Error`](crate::domain::error::Error).
    pub async fn get(&self, caller: &Caller, lookup: &Lookup) -> Result<RegistrationView> {
        caller.require(Permission::CodesRead, &lookup.place.environment, &lookup.place.requestor)?;
        let keys = self.resolve(caller, lookup).await?;
        let found = self.find(&keys).await?;
        let context = self.context(caller, &found)?;
        match found {
            LocalLookup::Here(entry) => {
                let key = entry.registration.key();
                if entry.state(self.parts().clock.now()) != CodeState::Pending {
                    return Err(self.ended(caller, lookup, &key).await);
                }
                let backend = self.backend_of(&entry.registration)?;
                let presence = backend.codes().read(&context, entry.registration).await;
                match self.known(caller, lookup, presence).await? {
                    CodePresence::Live(record) => Ok(self.view(record, CodeState::Pending)),
                    CodePresence::Gone => Err(self.not_found(caller, &key).await),
                }
            }
            LocalLookup::Nothing { key, backend } => {
                let sighting = backend.codes().find(&context, &key, lookup.viewer).await;
                match self.known(caller, lookup, sighting).await? {
                    IssuerRecord::Whole(record) => Ok(self.view(record, CodeState::Pending)),
                    IssuerRecord::Partial(record) => {
                        Ok(RegistrationView { is_partial: true, ..self.view(record, CodeState::Pending) })
                    }
                    IssuerRecord::Nothing => Err(self.missed(caller, lookup, &key).await),
                }
            }
        }
    }
}
