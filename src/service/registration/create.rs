//! Create: normalizes the device, draws a code, stores the record.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{RegistrationService, RegistrationView};
use crate::{
    domain::{
        caller::{Caller, Permission},
        clock::Timestamp,
        device_info::{Connection, DeviceInfo, Warning},
        error::{Error, Result, StoreError},
        id::{DeviceId, MvpdId},
        port::{Insertion, LedgerEntry, LedgerKey},
        randomness::RandomnessUnavailable,
        registration::{LegacyParameters, Registration, SourceApplication, State, Ttl},
    },
    service::policy::Place,
};

/// How often a code is drawn again that turned out to be taken. With 1000 codes for each that may live, even
/// a full environment needs a second draw once in a thousand calls.
const DRAWS: usize = 32;

/// A request for a new code, in valid parts.
#[derive(Debug, Clone)]
pub struct CreateRegistration {
    /// Where the code shall live.
    pub place: Place,
    /// The device's id, where it has one.
    pub device_id: Option<DeviceId>,
    /// What the device said of itself; only clients older than dynamic registration say nothing.
    pub device_info: Option<DeviceInfo>,
    /// What was odd about that.
    pub warnings: Vec<Warning>,
    /// The device's User-Agent; empty where it sent none.
    pub user_agent: String,
    /// The device's address, where it is known.
    pub device_ip: Option<std::net::IpAddr>,
    /// The device's port, where it is known.
    pub device_port: Option<u16>,
    /// The operator chosen in advance, if any.
    pub mvpd: Option<MvpdId>,
    /// How long the code shall live.
    pub ttl: Ttl,
    /// How the call was authorized; empty where it was not by a registered client's token.
    pub authorization_type: String,
    /// The registered application that asks, where one does.
    pub source_application: Option<SourceApplication>,
    /// Deprecated parameters as they came.
    pub legacy: LegacyParameters,
    /// Set where a repeat of this request shall get the first answer.
    pub repeat: Option<Repeat>,
}

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
    /// What was odd about the device information.
    pub warnings: Vec<Warning>,
}

/// The answer that is kept for repeats.
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    fingerprint: [u8; 32],
    registration: Registration,
    warnings: Vec<Warning>,
}

impl RegistrationService {
    /// Makes a registration code.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`], [`Error::LiveCodesExhausted`], [`Error::RequestIdReused`],
    /// [`Error::StoreUnavailable`].
    pub async fn create(&self, caller: &Caller, request: CreateRegistration) -> Result<Created> {
        caller.require(Permission::CodesCreate, &request.place.environment, &request.place.requestor)?;
        let Some(repeat) = request.repeat else {
            return self.create_new(request).await;
        };
        let key = repeat_key(caller, &request.place, repeat.request_id);
        let service = self.clone();
        // On a task of its own, so that a caller whose connection breaks in the middle finds the answer when
        // it asks again: that is what the request id is for.
        let create = async move { service.create_once(key, repeat, request).await };
        self.inner
            .unbroken
            .spawn_on(create, &self.parts().runtime)
            .await
            .unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    async fn create_once(
        &self,
        key: LedgerKey,
        repeat: Repeat,
        request: CreateRegistration,
    ) -> Result<Created> {
        let ledger = &self.parts().store.ledger;
        let _turn = self.inner.repeats.turn(key.clone()).await;
        if let Some(entry) = ledger.get(&key).await? {
            return self.answer_again(&entry, &repeat);
        }
        let created = self.create_new(request).await?;
        let kept = KeptAnswer {
            fingerprint: repeat.fingerprint,
            registration: created.view.registration.clone(),
            warnings: created.warnings.clone(),
        };
        let value = postcard::to_allocvec(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        let entry = LedgerEntry { value, expire_time: Some(kept.registration.forget_time()) };
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
        let kept: KeptAnswer = postcard::from_bytes(&entry.value)
            .map_err(|error| StoreError::Corrupt(format!("kept answer: {error}")))?;
        if kept.fingerprint != repeat.fingerprint {
            return Err(Error::RequestIdReused);
        }
        Ok(Created { view: self.view(kept.registration, State::Pending), warnings: kept.warnings })
    }

    async fn create_new(&self, request: CreateRegistration) -> Result<Created> {
        let parts = self.parts();
        let policy = parts.policy.load_full();
        let now = parts.clock.now();
        let (mut registration, warnings) = self.registration(request, now)?;
        for _ in 0..DRAWS {
            registration.code = policy.code_format.draw(&*parts.randomness)?;
            match parts.store.codes.insert_if_absent(&registration, policy.max_live_codes).await? {
                Insertion::Inserted => {
                    return Ok(Created { view: self.view(registration, State::Pending), warnings });
                }
                Insertion::Taken => {}
                Insertion::Full { next_expiry } => {
                    return Err(Error::LiveCodesExhausted {
                        limit: policy.max_live_codes,
                        retry_after: next_expiry.since(now),
                    });
                }
            }
        }
        Err(Error::Internal(format!("{DRAWS} codes in a row were taken")))
    }

    fn registration(
        &self,
        request: CreateRegistration,
        now: Timestamp,
    ) -> Result<(Registration, Vec<Warning>)> {
        let parts = self.parts();
        let id = parts.randomness.uuid()?;
        let connection = Connection {
            user_agent: Some(request.user_agent.as_str()).filter(|text| !text.is_empty()),
            ip: request.device_ip,
            port: request.device_port,
        };
        let device_info = parts.normalizer.normalize(request.device_info.as_ref(), &connection);
        let device_id_assigned = request.device_id.is_none();
        let registration = Registration {
            id,
            code: crate::domain::code::Code::from_canonical(""),
            requestor: request.place.requestor,
            environment: request.place.environment,
            mvpd: request.mvpd,
            create_time: now,
            expire_time: now + request.ttl.as_duration(),
            device_id: request.device_id.unwrap_or_else(|| DeviceId::assigned(id)),
            device_id_assigned,
            device_info,
            authorization_type: request.authorization_type,
            source_application: request.source_application,
            legacy: request.legacy,
        };
        Ok((registration, request.warnings))
    }
}

impl From<RandomnessUnavailable> for Error {
    fn from(error: RandomnessUnavailable) -> Self {
        Self::Internal(error.to_string())
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
