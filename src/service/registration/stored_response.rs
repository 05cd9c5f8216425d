//! The stored response of a create, for repeats of the request.

use uuid::Uuid;

use crate::{
    domain::{
        backend::{IssuedCode, ResponseRecorder},
        caller::Caller,
        device_info::Warning,
        error::{Error, Result},
        fingerprint::Fingerprint,
        id::Place,
        ledger_kind::LedgerKind,
        port::{Codes, LedgerEntry, LedgerKey},
        registration_code::{CodeKey, RegistrationCode},
    },
    format::{ResponseRecord, StoredResponse},
};

/// What identifies a repeated request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The caller's id of the request: the idempotency key.
    pub request_id: Uuid,
    /// The fingerprint of the whole request. A different request with the same id is an error.
    pub fingerprint: Fingerprint,
}

/// Stores the response of a request.
pub(super) struct StoredResponseRecorder {
    key: LedgerKey,
    place: Place,
    fingerprint: Fingerprint,
}

impl StoredResponseRecorder {
    /// The scope of a request id is its caller, environment and requestor.
    pub(super) fn new(repeat: IdempotentRequest, caller: &Caller, place: &Place) -> Self {
        let parts = [
            caller.name().as_bytes(),
            place.environment.as_str().as_bytes(),
            place.requestor.as_str().as_bytes(),
        ];
        let mut name = parts.join(&0);
        name.push(0);
        name.extend_from_slice(repeat.request_id.as_bytes());
        let key = LedgerKey { kind: LedgerKind::RequestId, name };
        Self { key, place: place.clone(), fingerprint: repeat.fingerprint }
    }

    /// The stored response, for a repeat of the same request. `None` if it is unreadable, which is logged and treated
    /// as absent.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`] for a different request, [`Error::StoreUnavailable`].
    pub(super) async fn read(&self, entry: &LedgerEntry, codes: &dyn Codes) -> Result<Option<IssuedCode>> {
        let StoredResponse { fingerprint, record, warnings } = match StoredResponse::decode(&entry.value) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%error, "unreadable stored response; treating it as absent");
                return Ok(None);
            }
        };
        if fingerprint != self.fingerprint.into_bytes() {
            return Err(Error::RequestIdReused);
        }
        let registration = match record {
            ResponseRecord::Whole(registration) => Some(registration),
            ResponseRecord::Stored { code, id } => {
                let Place { environment, requestor } = self.place.clone();
                let found = codes.get(&CodeKey { environment, requestor, code }).await?;
                let found = found.filter(|entry| entry.registration.id == id);
                found.map(|entry| Box::new(entry.registration))
            }
        };
        if registration.is_none() {
            tracing::warn!("the record of a stored response is missing; treating the response as absent");
        }
        Ok(registration.map(|registration| IssuedCode { registration, warnings, is_kept: true }))
    }
}

impl ResponseRecorder for StoredResponseRecorder {
    fn key(&self) -> &LedgerKey {
        &self.key
    }

    fn entry(&self, registration: &RegistrationCode, warnings: &[Warning]) -> Result<LedgerEntry> {
        let stored = StoredResponse {
            fingerprint: self.fingerprint.into_bytes(),
            record: match registration.shadow {
                None => ResponseRecord::Stored { code: registration.code.clone(), id: registration.id },
                // The upstream decides when it reissues a code.
                Some(_) => ResponseRecord::Whole(Box::new(registration.clone())),
            },
            warnings: warnings.to_vec(),
        };
        Ok(LedgerEntry { value: stored.encode()?, expire_time: Some(registration.forget_time()) })
    }
}
