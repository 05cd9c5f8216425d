//! The answer to a create that is kept for repeats of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    backend::{Issued, Keep},
    caller::Caller,
    device_info::Warning,
    error::{Error, Result, StoreError},
    fingerprint::Fingerprint,
    id::Place,
    port::{LedgerEntry, LedgerKey},
    registration::Registration,
};

/// What makes a repeated request known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The caller's own id of the request.
    pub request_id: Uuid,
    /// The whole request's fingerprint: another one under the same id is an error.
    pub fingerprint: Fingerprint,
}

/// The first byte of a kept answer; the rest is postcard.
const VERSION: u8 = 1;

/// What is kept. A change here needs a new [`VERSION`].
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    fingerprint: [u8; 32],
    registration: Registration,
    warnings: Vec<Warning>,
}

impl KeptAnswer {
    fn encode(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![VERSION]).map_err(|error| Error::Internal(error.to_string()))
    }

    fn decode(value: &[u8]) -> Result<Self> {
        let corrupt = |reason: &str| StoreError::Corrupt(format!("kept answer: {reason}"));
        match value.split_first() {
            Some((&VERSION, rest)) => {
                postcard::from_bytes(rest).map_err(|error| corrupt(&error.to_string()).into())
            }
            _ => Err(corrupt("its version is not known").into()),
        }
    }
}

/// Keeps the answer to one request.
pub(super) struct KeepAnswer {
    key: LedgerKey,
    fingerprint: Fingerprint,
}

impl KeepAnswer {
    /// A request id belongs to its caller, environment and requestor.
    pub fn new(repeat: Repeat, caller: &Caller, place: &Place) -> Self {
        let parts = [
            caller.name().as_bytes(),
            place.environment.as_str().as_bytes(),
            place.requestor.as_str().as_bytes(),
        ];
        let mut name = parts.join(&0);
        name.push(0);
        name.extend_from_slice(repeat.request_id.as_bytes());
        Self { key: LedgerKey { kind: "request_id", name }, fingerprint: repeat.fingerprint }
    }

    /// The first answer, for a repeat of the request that it was given to.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`] for another request, and [`Error::StoreUnavailable`] where it cannot be read.
    pub fn read(&self, entry: &LedgerEntry) -> Result<Issued> {
        let KeptAnswer { fingerprint, registration, warnings } = KeptAnswer::decode(&entry.value)?;
        if fingerprint != self.fingerprint.into_bytes() {
            return Err(Error::RequestIdReused);
        }
        Ok(Issued { registration, warnings, is_kept: true })
    }
}

impl Keep for KeepAnswer {
    fn key(&self) -> &LedgerKey {
        &self.key
    }

    fn entry(&self, registration: &Registration, warnings: &[Warning]) -> Result<LedgerEntry> {
        let kept = KeptAnswer {
            fingerprint: self.fingerprint.into_bytes(),
            registration: registration.clone(),
            warnings: warnings.to_vec(),
        };
        Ok(LedgerEntry { value: kept.encode()?, expire_time: Some(registration.forget_time()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_of_an_unknown_version_is_corrupt_and_not_misread() {
        for value in [&[] as &[u8], &[VERSION + 1, 0, 0], &[VERSION, 0, 0]] {
            let refused = KeptAnswer::decode(value).map(drop);
            assert!(matches!(refused, Err(Error::StoreUnavailable(StoreError::Corrupt(_)))), "{value:?}");
        }
    }
}
