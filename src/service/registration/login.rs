//! The code of a login. It is looked up like any other code, and failed lookups are charged to the same guesser.

use super::{Lookup, RegistrationService, lookup::LocalLookup};
use crate::domain::{
    address::Address,
    backend::SharedBackend,
    call::CallContext,
    caller::Caller,
    error::{Error, Result},
    registration_code::{CodeKey, CodeState, ShadowStanding},
};

/// A code that is live as far as this server knows.
pub(in crate::service) struct CodeToLogIn {
    pub key: CodeKey,
    /// The issuer of the code, or the issuer of its place's codes.
    pub backend: SharedBackend,
    /// The context of a call to the issuer.
    pub context: CallContext,
    /// The address on whose behalf the issuer is called.
    pub address: Option<Address>,
    /// Whether its record is stored here.
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
            LocalLookup::Here(entry) => {
                let (key, state) = (entry.registration.key(), entry.state(self.parts().clock.now()));
                let is_unissued = entry.registration.standing() == Some(&ShadowStanding::Unissued);
                if state != CodeState::Pending || is_unissued {
                    return Err(self.ended(caller, lookup, &key).await);
                }
                let backend = self.backend_of(&entry.registration)?;
                let address = entry.registration.upstream_address();
                Ok(CodeToLogIn { key, backend, context, address, is_known: true })
            }
            LocalLookup::Nothing { key, backend } => {
                Ok(CodeToLogIn { key, backend, context, address: lookup.viewer, is_known: false })
            }
        }
    }

    /// The error if the upstream does not know the code. Counts as a failed lookup if this server does not know it
    /// either.
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
