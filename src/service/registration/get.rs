//! Get: the live record behind a code.

use super::{Lookup, RegistrationService, RegistrationView};
use crate::domain::{
    caller::{Caller, Permission},
    error::Result,
    registration::State,
};

impl RegistrationService {
    /// The live record behind a code.
    ///
    /// # Errors
    /// `PermissionMissing`, `CodeNotFound`, `LookupBudgetExhausted` and `StoreUnavailable` of
    /// [`Error`](crate::domain::error::Error).
    pub async fn get(&self, caller: &Caller, lookup: &Lookup) -> Result<RegistrationView> {
        caller.require(Permission::CodesRead, &lookup.place.environment, &lookup.place.requestor)?;
        let key = self.resolve(caller, lookup)?;
        let entry = self.find(caller, lookup, &key).await?;
        match entry.state(self.parts().clock.now()) {
            State::Pending => Ok(self.view(entry.registration, State::Pending)),
            State::Released | State::Expired => Err(self.not_found(caller, &key).await),
        }
    }
}
