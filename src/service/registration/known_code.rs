//! A code after its login, for who asks what became of it: its device is known for longer than its record lives.

use super::{Lookup, RegistrationService, lookup::Found};
use crate::domain::{
    address::Address,
    caller::Caller,
    error::Result,
    known_device::DeviceKey,
    registration::{CodeKey, ShadowStanding, State},
};

/// A code that somebody typed, as far as it is known here.
pub(in crate::service) struct TypedCode {
    pub key: CodeKey,
    /// The device that got it here.
    pub device: Option<DeviceKey>,
    /// The device's address, where it is known.
    pub address: Option<Address>,
}

impl RegistrationService {
    /// The code that was typed, and its device.
    ///
    /// # Errors
    /// `CodeNotFound`, `LookupBudgetExhausted`, `NotAuthenticated` and `StoreUnavailable` of
    /// [`Error`](crate::domain::error::Error).
    pub(in crate::service) async fn typed_code(&self, caller: &Caller, lookup: &Lookup) -> Result<TypedCode> {
        let keys = self.resolve(caller, lookup).await?;
        let found = self.find(&keys).await?;
        let key = match &found {
            Found::Here(entry) => entry.registration.key(),
            Found::Nothing { key, .. } => key.clone(),
        };
        let device = self.parts().memory.of_code(&key).await?;
        let address = match &found {
            Found::Here(entry) => entry.registration.upstream_address(),
            Found::Nothing { .. } => None,
        };
        let is_over =
            matches!(&found, Found::Here(entry) if entry.state(self.parts().clock.now()) != State::Pending);
        if device.is_none() && is_over {
            return Err(self.ended(caller, lookup, &key).await);
        }
        Ok(TypedCode { key, device, address })
    }

    /// The answer where the upstream does not know a code that is not known here either.
    pub(in crate::service) async fn unknown_code(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        code: &TypedCode,
    ) -> crate::domain::error::Error {
        match code.device {
            Some(_) => self.not_found(caller, &code.key).await,
            None => self.missed(caller, lookup, &code.key).await,
        }
    }

    /// Ends a code that somebody has logged in with: whoever watches it is told. One for a device that was logged in already lives
    /// on, since a viewer may type it all the same.
    ///
    /// # Errors
    /// `StoreUnavailable` of [`Error`](crate::domain::error::Error).
    pub(in crate::service) async fn end_used(&self, key: &CodeKey) -> Result<()> {
        let codes = &self.parts().store.codes;
        if let Some(entry) = codes.get(key).await?
            && entry.state(self.parts().clock.now()) == State::Pending
            && !matches!(entry.registration.standing(), Some(ShadowStanding::Resolved { .. }))
        {
            codes.release(key, entry.registration.id).await?;
        }
        Ok(())
    }
}
