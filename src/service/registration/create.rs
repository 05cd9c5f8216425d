//! Create: has the place's backend issue a code, once for each request id.

use serde::{Deserialize, Serialize};
use tracing::Instrument;
use uuid::Uuid;

use super::{RegistrationService, RegistrationView};
use crate::domain::{
    backend::Issued,
    call::CallContext,
    caller::{Caller, Permission},
    device_info::Warning,
    error::{Error, Result, StoreError, Violation},
    id::Place,
    port::{LedgerEntry, LedgerKey},
    registration::{Registration, RegistrationRequest, State},
};
use crate::service::backends::Backends;

/// What makes a repeated request known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The caller's own id of the request.
    pub request_id: Uuid,
    /// A digest of the whole request: another one under the same id is an error.
    pub fingerprint: [u8; 32],
}

/// A new code, and what was odd about the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The record.
    pub view: RegistrationView,
    /// What was odd about the request.
    pub warnings: Vec<Warning>,
}

/// The answer that is kept for repeats. A change here needs a new [`KEPT_VERSION`].
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    fingerprint: [u8; 32],
    registration: Registration,
    warnings: Vec<Warning>,
}

/// The first byte of a kept answer; the rest is postcard.
const KEPT_VERSION: u8 = 1;

impl KeptAnswer {
    fn encode(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![KEPT_VERSION]).map_err(|error| Error::Internal(error.to_string()))
    }

    fn decode(value: &[u8]) -> Result<Self> {
        let corrupt = |reason: &str| StoreError::Corrupt(format!("kept answer: {reason}"));
        match value.split_first() {
            Some((&KEPT_VERSION, rest)) => {
                postcard::from_bytes(rest).map_err(|error| corrupt(&error.to_string()).into())
            }
            _ => Err(corrupt("its version is not known").into()),
        }
    }
}

impl RegistrationService {
    /// Makes a registration code. `repeat` is set where a repeat of this request shall get the first answer.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`], [`Error::LiveCodesExhausted`], [`Error::RequestIdReused`],
    /// [`Error::StoreUnavailable`], and those of an upstream.
    pub async fn create(
        &self,
        caller: &Caller,
        request: RegistrationRequest,
        repeat: Option<Repeat>,
    ) -> Result<Created> {
        caller.require(Permission::CodesCreate, &request.place.environment, &request.place.requestor)?;
        let Some(repeat) = repeat else {
            return self.create_new(caller, request).await;
        };
        let key = repeat_key(caller, &request.place, repeat.request_id);
        // Nor does its deadline end it.
        let context = CallContext { deadline: None, ..caller.context().clone() };
        let (service, caller) = (self.clone(), caller.in_call(context));
        // On a task of its own, so that a caller whose connection breaks in the middle finds the answer when
        // it asks again: that is what the request id is for.
        let create = async move { service.create_once(&caller, key, repeat, request).await };
        self.inner
            .unbroken
            .spawn_on(create.in_current_span(), &self.parts().runtime)
            .await
            .unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    async fn create_once(
        &self,
        caller: &Caller,
        key: LedgerKey,
        repeat: Repeat,
        request: RegistrationRequest,
    ) -> Result<Created> {
        let ledger = &self.parts().store.ledger;
        let _turn = self.inner.repeats.turn(key.clone()).await;
        if let Some(entry) = ledger.get(&key).await? {
            return self.answer_again(&entry, &repeat);
        }
        let created = self.create_new(caller, request).await?;
        let kept = KeptAnswer {
            fingerprint: repeat.fingerprint,
            registration: created.view.registration.clone(),
            warnings: created.warnings.clone(),
        };
        let entry = LedgerEntry { value: kept.encode()?, expire_time: Some(kept.registration.forget_time()) };
        match ledger.put_if_absent(&key, entry).await? {
            None => Ok(created),
            Some(earlier) => {
                // Another replica was first: its answer stands, and the code made here must not stay behind.
                let own = &created.view.registration;
                self.parts().store.codes.release(&own.key(), own.id).await?;
                self.answer_again(&earlier, &repeat)
            }
        }
    }

    fn answer_again(&self, entry: &LedgerEntry, repeat: &Repeat) -> Result<Created> {
        let kept = KeptAnswer::decode(&entry.value)?;
        if kept.fingerprint != repeat.fingerprint {
            return Err(Error::RequestIdReused);
        }
        Ok(Created { view: self.view(kept.registration, State::Pending), warnings: kept.warnings })
    }

    async fn create_new(&self, caller: &Caller, request: RegistrationRequest) -> Result<Created> {
        let policy = self.parts().policy.load();
        let api = policy.upstream_api(&request.place);
        if api.is_some() && request.device_ip.is_none() {
            let text = "is required: the upstream binds the code to the device's address";
            return Err(Violation::new("device_ip", text).into());
        }
        let backend = self.parts().backends.of(&policy, &request.place.environment, api)?;
        drop(policy);
        let context = Backends::context(caller.context(), api)?;
        let Issued { registration, warnings } = backend.codes.issue(&context, request).await?;
        Ok(Created { view: self.view(registration, State::Pending), warnings })
    }
}

fn repeat_key(caller: &Caller, place: &Place, request_id: Uuid) -> LedgerKey {
    let parts = [
        caller.name().as_bytes(),
        place.environment.as_str().as_bytes(),
        place.requestor.as_str().as_bytes(),
    ];
    let mut name = parts.join(&0);
    name.push(0);
    name.extend_from_slice(request_id.as_bytes());
    LedgerKey { kind: "request_id", name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_of_an_unknown_version_is_corrupt_and_not_misread() {
        for value in [&[] as &[u8], &[KEPT_VERSION + 1, 0, 0], &[KEPT_VERSION, 0, 0]] {
            let refused = KeptAnswer::decode(value).map(drop);
            assert!(matches!(refused, Err(Error::StoreUnavailable(StoreError::Corrupt(_)))), "{value:?}");
        }
    }
}
