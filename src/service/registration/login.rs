//! The code that a viewer logs in with, for who starts the login: found as get finds it, at the same guesser's expense.

use super::{Lookup, RegistrationService, lookup::Found};
use crate::domain::{
    address::Address,
    backend::SharedBackend,
    call::CallContext,
    caller::Caller,
    error::{Error, Result},
    registration::{CodeKey, ShadowStanding, State},
};

/// A code that lives as far as is known here.
pub(in crate::service) struct CodeToLogIn {
    pub key: CodeKey,
    /// Who issued it, or who issues the codes of its place.
    pub backend: SharedBackend,
    /// What goes along with a call to it.
    pub context: CallContext,
    /// On behalf of which address it is asked.
    pub address: Option<Address>,
    /// Whether its record is kept here.
    is_known: bool,
}

impl RegistrationService {
    /// The code to log in with.
    ///
    /// # Errors
    /// `CodeNotFound`, `LookupBudgetExhausted`, `NotAuthenticated` and `StoreUnavailable` of [`Error`].
    pub(in crate::service) async fn code_to_log_in(
        &self,
        caller: &Caller,
        lookup: &Lookup,
    ) -> Result<CodeToLogIn> {
        let keys = self.resolve(caller, lookup).await?;
        let found = self.find(&keys).await?;
        let context = self.context(caller, &found)?;
        match found {
            Found::Here(entry) => {
                let (key, state) = (entry.registration.key(), entry.state(self.parts().clock.now()));
                let is_unissued = entry.registration.standing() == Some(&ShadowStanding::Unissued);
                if state != State::Pending || is_unissued {
                    return Err(self.ended(caller, lookup, &key).await);
                }
                let backend = self.backend_of(&entry.registration)?;
                let address = entry.registration.upstream_address();
                Ok(CodeToLogIn { key, backend, context, address, is_known: true })
            }
            Found::Nothing { key, backend } => {
                Ok(CodeToLogIn { key, backend, context, address: lookup.viewer, is_known: false })
            }
        }
    }

    /// The answer where the upstream does not know the code: a miss, where nobody here knew it either.
    pub(in crate::service) async fn no_login(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        code: &CodeToLogIn,
    ) -> Error {
        if code.is_known {
            self.not_found(caller, &code.key).await
        } else {
            self.missed(caller, lookup, &code.key).await
        }
    }
}
