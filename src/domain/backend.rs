//! Ports to the backend of an environment: passbridge's own store, or a version of the provider's REST API (the
//! upstream). Use cases are the same for every backend. The ports hide the differences, and the set of ports that a
//! backend implements defines its capabilities.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    call::CallContext,
    device_info::{DeviceInfo, Warning},
    entitlement::{
        EntitlementSubject, LoginRequest, LoginStart, LogoutAction, Profile, RequestorConfiguration,
        Resource, ResourceDecision,
    },
    error::{Error, Result},
    id::{MvpdId, Place, RequestorId},
    port::{LedgerEntry, LedgerKey, TrialVerdict},
    registration_code::{CodeKey, RegistrationCode, RegistrationRequest, UpstreamApi},
    secret::SecretText,
    temp_pass::{
        ResetBy, ResetTarget, ResourceId, TempPassKey, TempPassRule, TrialApplication, TrialIdentity,
        TrialView, UserIdentifier,
    },
};

/// A new code, with warnings about the request.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuedCode {
    /// The record.
    pub registration: Box<RegistrationCode>,
    /// Unexpected values of the request, and requested values that could not be honored.
    pub warnings: Vec<Warning>,
    /// Whether the response to store ([`ResponseRecorder`]) was stored with the record.
    pub is_kept: bool,
}

/// The outcome of a request for a code.
#[derive(Debug, Clone, PartialEq)]
pub enum Issuance {
    /// A new code.
    Issued(IssuedCode),
    /// No code was issued: this response is already stored under the idempotency key.
    Repeated(LedgerEntry),
}

/// Encodes the response to an idempotent request for the ledger. The response contains the record, so it cannot be
/// encoded before the code is drawn.
pub trait ResponseRecorder: Send + Sync {
    /// Returns the ledger key of the stored response.
    fn key(&self) -> &LedgerKey;

    /// Encodes the response with this record and these warnings.
    ///
    /// # Errors
    /// The response cannot be encoded, which is a defect.
    fn entry(&self, registration: &RegistrationCode, warnings: &[Warning]) -> Result<LedgerEntry>;
}

/// The issuer's state of a record that is live in our store.
#[derive(Debug, Clone, PartialEq)]
pub enum CodePresence {
    /// The code is live, with this current record.
    Live(Box<RegistrationCode>),
    /// The issuer no longer has the code.
    Gone,
}

/// The issuer's state of a code that has no record in our store.
#[derive(Debug, Clone, PartialEq)]
pub enum IssuerRecord {
    /// The complete record.
    Whole(Box<RegistrationCode>),
    /// The part that the issuer returns, without the record's id and the device's id.
    Partial(Box<RegistrationCode>),
    Nothing,
}

/// The outcome of a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// The code is released.
    Released {
        /// Whether the upstream has deleted it too; absent for codes of the local backend.
        upstream_deleted: Option<bool>,
    },
    /// The code does not exist.
    NotFound,
}

/// The result of polling a watched code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamCodeStatus {
    /// No viewer has logged in with the code.
    Pending,
    /// A viewer has logged in with the code.
    LoggedIn,
    /// The issuer no longer has the code.
    Missing,
}

/// Issues codes and reports their state. Records and shadows are in the store.
#[async_trait]
pub trait CodeBackend: Send + Sync {
    /// Issues a code and stores its record. The local backend also stores the response (`keep`) in the same commit. Other
    /// backends leave that to the caller and report it in [`IssuedCode::is_kept`].
    async fn issue(
        &self,
        context: &CallContext,
        request: Box<RegistrationRequest>,
        keep: Option<&dyn ResponseRecorder>,
    ) -> Result<Issuance>;

    /// Reads the current state of a record that is live in our store.
    async fn read(&self, context: &CallContext, record: RegistrationCode) -> Result<CodePresence>;

    /// Looks up a code that has no record in our store, for the device or viewer at `address`.
    async fn find(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<IssuerRecord>;

    /// Releases a record that is live in our store.
    async fn delete(&self, context: &CallContext, record: &RegistrationCode) -> Result<Deletion>;

    /// Releases a code that has no record in our store.
    async fn delete_unknown(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Deletion>;

    /// Polls whether the code has ended. `None` if the store itself signals that.
    async fn poll(&self, record: &RegistrationCode) -> Option<Result<UpstreamCodeStatus>>;
}

/// What an upstream call needs in addition to the identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamFacts {
    /// The device information that the device sent.
    pub device_info: Option<DeviceInfo>,
    /// The device's User-Agent; empty if unknown.
    pub user_agent: String,
    /// The device's address, if known.
    pub ip: Option<Address>,
    /// The user's identifier in clear text, only if the configuration says that the upstream gets it.
    pub user_identifier: Option<UserIdentifier>,
}

/// A TempPass and the holder of its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialSubject {
    pub temp_pass: TempPassKey,
    /// The configured rule of the TempPass, if any.
    pub rule: Option<TempPassRule>,
    /// The identity that the trial belongs to.
    pub identity: TrialIdentity,
    /// What an upstream call needs in addition.
    pub facts: UpstreamFacts,
}

/// Authorizes resources by TempPass trials.
#[async_trait]
pub trait TrialBackend: Send + Sync {
    /// Authorizes a resource. Starts the trial if there is none.
    async fn authorize(
        &self,
        context: &CallContext,
        subject: TrialSubject,
        resource: ResourceId,
        application: TrialApplication,
    ) -> Result<TrialVerdict>;

    /// Returns the current state of the trial.
    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView>;
}

/// Logs viewers in and out, and decides what they may watch.
#[async_trait]
pub trait EntitlementBackend: Send + Sync {
    /// Returns the requestor's configuration. It may come from a cache and be minutes old.
    async fn configuration(
        &self,
        context: &CallContext,
        place: &Place,
    ) -> Result<Arc<RequestorConfiguration>>;

    /// Starts a login with a code. `None` if the code is unknown.
    async fn start_login(&self, context: &CallContext, request: &LoginRequest) -> Result<Option<LoginStart>>;

    /// Returns the device's logins in no particular order. Those of TempPasses may be missing.
    async fn profiles(&self, context: &CallContext, subject: &EntitlementSubject) -> Result<Vec<Profile>>;

    /// Returns the device's login with an operator, or its trial of a TempPass. A profile that is known to have expired is
    /// [`Error::ProfileExpired`].
    async fn profile(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
    ) -> Result<Option<Profile>>;

    /// Returns the logins made with a code, for a caller at `address`. Empty until a viewer has logged in; `None` if the
    /// code is unknown.
    async fn profile_of_code(
        &self,
        context: &CallContext,
        code: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<Vec<Profile>>>;

    /// Whether a call about a device at this address would have to wait, or would come less than a second after another
    /// one. Does not count as a call.
    async fn would_wait(&self, address: Option<Address>) -> Result<bool>;

    /// Whether all connections to the upstream are in use, so that another call would have to wait.
    fn is_busy(&self) -> bool;

    /// Decides whether the device may watch a resource now. A denial is a decision, not an error.
    async fn authorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resource: &Resource,
    ) -> Result<ResourceDecision>;

    /// Decides which of these resources the device could watch, in their order. Has no side effects.
    async fn preauthorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resources: &[Resource],
    ) -> Result<Vec<ResourceDecision>>;

    /// Ends the device's login with an operator, if there is one. A browser that also ends the operator's session returns
    /// to `redirect_url`, or to a URL that the backend chooses if it is absent.
    async fn log_out(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        redirect_url: Option<&str>,
    ) -> Result<LogoutAction>;
}

/// Resets trials.
#[async_trait]
pub trait ResetBackend: Send + Sync {
    /// Resets trials. Returns how many, if known.
    async fn reset(
        &self,
        context: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        by: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>>;
}

/// A backend: one port for each capability. Every backend implements the ports without a default. The default of each
/// other port is an error that says which backends have it.
pub trait Backend: Send + Sync {
    /// The port for codes.
    fn codes(&self) -> &dyn CodeBackend;

    /// The port for resets of trials.
    fn resets(&self) -> &dyn ResetBackend;

    /// The port for trials.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the backend has no trials.
    fn trials(&self) -> Result<&dyn TrialBackend> {
        Err(Error::Unsupported(
            "the backend of this requestor does not support this operation: over version 1 of the upstream only the provider's \
             own players authorize TempPasses; version 2 supports it"
                .to_owned(),
        ))
    }

    /// The port for logins and entitlements.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the backend has no logins.
    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        Err(Error::Unsupported(
            "the backend of this requestor does not support this operation: version 2 of the upstream does; over version 1 \
             devices call the upstream directly, and the local backend has no operators"
                .to_owned(),
        ))
    }
}

/// A shared backend.
pub(crate) type SharedBackend = Arc<dyn Backend>;

impl std::fmt::Debug for dyn Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Backend").finish_non_exhaustive()
    }
}

/// A REST client's request to the provider's `/o/client`, relayed by passbridge. Holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct RelayedCall {
    pub path: &'static str,
    /// The query, unmodified.
    pub query: String,
    /// The headers that the client itself sets.
    pub headers: http::HeaderMap,
    /// The body, unmodified.
    pub body: bytes::Bytes,
    /// The device's address.
    pub device: Option<Address>,
}

/// The provider's response to a relayed request. Holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct RelayedResponse {
    pub status: http::StatusCode,
    /// The headers that are for the client.
    pub headers: http::HeaderMap,
    pub body: bytes::Bytes,
}

/// Registers REST clients with the provider.
#[async_trait]
pub trait RegistrationRelay: Send + Sync {
    /// Relays a client's request. Remembers the digest of a token that the provider issues.
    async fn send(&self, context: &CallContext, call: RelayedCall) -> Result<RelayedResponse>;

    /// Whether any replica has relayed this token from the provider, and it has not expired.
    async fn has_issued(&self, token: &str) -> Result<bool>;

    /// Returns passbridge's own access token for a call about this requestor, for a caller that sends the call itself.
    /// Never returns `refused`, a token that the provider has refused.
    ///
    /// # Errors
    /// [`Error::UpstreamCredentialsRefused`] if another token would not help, [`Error::UpstreamUnavailable`].
    async fn own_token(
        &self,
        requestor: Option<&RequestorId>,
        refused: Option<&SecretText>,
    ) -> Result<SecretText>;
}

/// The parameters of an upstream examination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The API version that issues the codes of this place.
    pub api: UpstreamApi,
    /// The place to create and delete a test code for; absent if no code is to be created.
    pub create_for: Option<Place>,
    /// The configured domain of the requestor's logins.
    pub domain_name: Option<String>,
}

/// The result of an examination step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingStatus {
    /// The step passed.
    Fine,
    /// The step passed with a warning.
    Odd,
    /// The step failed.
    Broken,
}

/// A finding of an examination step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The step's name.
    pub step: String,
    /// The step's result.
    pub condition: FindingStatus,
    /// The observation. Holds no secret.
    pub seen: String,
    /// Probable causes and their remedies, the most likely first.
    pub causes: Vec<(String, String)>,
}

/// Examines an upstream step by step. Stops when a step fails that later steps depend on.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// Returns the findings in the order of the steps.
    async fn examine(&self, examination: &Examination) -> Vec<Finding>;
}

/// The backends of an environment that has an upstream: one for each version of the REST API, and its client
/// registration. Cheap to clone.
#[derive(Clone)]
pub struct UpstreamBackends {
    /// Version 1.
    pub v1: SharedBackend,
    /// Version 2.
    pub v2: SharedBackend,
    /// The relay of client registrations.
    pub relay: Arc<dyn RegistrationRelay>,
    /// The examination of the upstream.
    pub doctor: Arc<dyn Doctor>,
}

impl std::fmt::Debug for UpstreamBackends {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamBackends").finish_non_exhaustive()
    }
}

impl UpstreamBackends {
    /// Returns the backend of this version.
    #[must_use]
    pub fn of(&self, api: UpstreamApi) -> &SharedBackend {
        match api {
            UpstreamApi::V1 => &self.v1,
            UpstreamApi::V2 => &self.v2,
        }
    }
}
