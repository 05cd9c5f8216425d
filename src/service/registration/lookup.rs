//! What get, delete and watch share: finding the record behind what a person typed, at the guesser's expense.

use super::{Lookup, RegistrationService, guesser};
use crate::domain::{
    caller::Caller,
    error::{Error, Result},
    registration::{CodeEntry, CodeKey},
};

impl RegistrationService {
    /// The name of the code that was typed.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`], and [`Error::CodeNotFound`] where no code can be meant.
    pub(super) fn resolve(&self, caller: &Caller, lookup: &Lookup) -> Result<CodeKey> {
        let guesser = guesser(caller, lookup.viewer);
        self.parts().budget.admit(&guesser)?;
        let Some(code) = self.parts().policy.load().code_format.fold(&lookup.typed) else {
            self.parts().budget.charge(&guesser);
            return Err(Error::CodeNotFound);
        };
        let place = lookup.place.clone();
        Ok(CodeKey { environment: place.environment, requestor: place.requestor, code })
    }

    /// The record or tombstone behind a code; nothing there is a miss, a tombstone is none.
    ///
    /// # Errors
    /// [`Error::CodeNotFound`], [`Error::StoreUnavailable`].
    pub(super) async fn find(&self, caller: &Caller, lookup: &Lookup, key: &CodeKey) -> Result<CodeEntry> {
        match self.parts().store.codes.get(key).await? {
            Some(entry) => Ok(entry),
            None => {
                self.parts().budget.charge(&guesser(caller, lookup.viewer));
                Err(Error::CodeNotFound)
            }
        }
    }
}
