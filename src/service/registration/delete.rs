//! Delete: ends a live code before its time.

use super::{Lookup, RegistrationService};
use crate::domain::{
    caller::{Caller, Permission},
    error::Result,
};

impl RegistrationService {
    /// Releases a live code. Of several deletes at once one succeeds.
    ///
    /// # Errors
    /// `PermissionMissing`, `CodeNotFound`, `LookupBudgetExhausted` and `StoreUnavailable` of
    /// [`Error`](crate::domain::error::Error).
    pub async fn delete(&self, caller: &Caller, lookup: &Lookup) -> Result<()> {
        caller.require(Permission::CodesDelete, &lookup.place.environment, &lookup.place.requestor)?;
        let key = self.resolve(caller, lookup)?;
        let entry = self.find(caller, lookup, &key).await?;
        if self.parts().store.codes.release(&key, entry.registration.id).await? {
            Ok(())
        } else {
            Err(self.not_found(caller, &key).await)
        }
    }
}
