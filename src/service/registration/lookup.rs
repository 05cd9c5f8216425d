//! What get, delete and watch share: finding the record behind what a person typed, at the guesser's expense.

use super::{Lookup, RegistrationService, guesser};
use crate::domain::{
    caller::{Caller, Permission},
    error::{Error, LookupClues, Result},
    registration::{CodeEntry, CodeKey, State},
};

/// In how many other environments a code that was not found is looked for.
const ELSEWHERE_MAX: usize = 8;

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
            return Err(Error::CodeNotFound(LookupClues { impossible: true, ..LookupClues::default() }));
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
                Err(self.not_found(caller, key).await)
            }
        }
    }

    /// The one answer for a code that is not there: it is the same whether it never was, or has ended. That it lives
    /// in another environment is told to who may read there.
    pub(super) async fn not_found(&self, caller: &Caller, key: &CodeKey) -> Error {
        let now = self.parts().clock.now();
        let mut lives_in = Vec::new();
        let mut others = self.parts().policy.load().other_environments(key);
        others.retain(|environment| caller.may(Permission::CodesRead, environment, &key.requestor));
        for environment in others.into_iter().take(ELSEWHERE_MAX) {
            let elsewhere = CodeKey { environment, ..key.clone() };
            // A clue that cannot be had is none: the answer is the same without it.
            if let Ok(Some(entry)) = self.parts().store.codes.get(&elsewhere).await
                && entry.state(now) == State::Pending
            {
                lives_in.push(elsewhere.environment);
            }
        }
        Error::CodeNotFound(LookupClues { lives_in, ..LookupClues::default() })
    }
}
