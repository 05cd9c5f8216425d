//! A code after its login. Its device is known for longer than its record lives.

use super::{Lookup, RegistrationService, lookup::LocalLookup};
use crate::domain::{
    address::Address,
    caller::Caller,
    error::Result,
    known_device::DeviceKey,
    registration_code::{CodeKey, CodeState, ShadowStanding},
};

/// A code that a viewer typed, as far as this server knows it.
pub(in crate::service) struct TypedCode {
    pub key: CodeKey,
    /// The device that requested the code here.
    pub device: Option<DeviceKey>,
    /// The device's address, if known.
    pub address: Option<Address>,
}

impl RegistrationService {
    /// The typed code and its device.
    ///
    /// # Errors
    /// `CodeNotFound`, `LookupBudgetExhausted`, `NotAuthenticated` and `StoreUnavailable` of
    /// [`Error`](crate::domain::error::Error).
    pub(in crate::service) async fn typed_code(&self, caller: &Caller, lookup: &Lookup) -> Result<TypedCode> {
        let keys = self.resolve(caller, lookup).await?;
        let found = self.find(&keys).await?;
        let key = match &found {
            LocalLookup::Here(entry) => entry.registration.key(),
            LocalLookup::Nothing { key, .. } => key.clone(),
        };
        let device = self.parts().memory.of_code(&key).await?;
        let address = match &found {
            LocalLookup::Here(entry) => entry.registration.upstream_address(),
            LocalLookup::Nothing { .. } => None,
        };
        let is_over = matches!(&found, LocalLookup::Here(entry) if entry.state(self.parts().clock.now()) != CodeState::Pending);
        if device.is_none() && is_over {
            return Err(self.ended(caller, lookup, &key).await);
        }
        Ok(TypedCode { key, device, address })
    }

    /// The error for a code that neither the upstream nor this server knows.
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

    /// Releases a code that was used for a login, and notifies its watches. A code of a device that was already logged
    /// in stays live, since a viewer may still type it.
    ///
    /// # Errors
    /// `StoreUnavailable` of [`Error`](crate::domain::error::Error).
    pub(in crate::service) async fn end_used(&self, key: &CodeKey) -> Result<()> {
        let codes = &self.parts().store.codes;
        if let Some(entry) = codes.get(key).await?
            && entry.state(self.parts().clock.now()) == CodeState::Pending
            && !matches!(entry.registration.standing(), Some(ShadowStanding::Resolved { .. }))
        {
            codes.release(key, entry.registration.id).await?;
        }
        Ok(())
    }
}
