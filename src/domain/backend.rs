//! What stands behind an environment: passbridge itself, or the provider's REST API in one of its versions. Use cases
//! hold for every backend; what differs is behind these ports, and which of them a backend has is what it can do.

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
    port::{LedgerEntry, LedgerKey, Verdict},
    registration::{CodeKey, Registration, RegistrationRequest, UpstreamApi},
    secret::SecretText,
    temp_pass::{
        ResetBy, ResetTarget, ResourceId, TempPassKey, TempPassRule, TrialApplication, TrialIdentity,
        TrialView, UserIdentifier,
    },
};

/// A new code, and what was odd about the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// The record.
    pub registration: Box<Registration>,
    /// What was odd, or could not be done as wished.
    pub warnings: Vec<Warning>,
    /// Whether the answer that was to be kept ([`Keep`]) was stored with the record.
    pub is_kept: bool,
}

/// What became of a request for a code.
#[derive(Debug, Clone, PartialEq)]
pub enum Issuance {
    /// A new code.
    Issued(Issued),
    /// None: under the key of the answer that was to be kept lies this one already.
    Repeated(LedgerEntry),
}

/// The answer to a request that may be repeated, as it is kept in the ledger. It has the record in it, so it can be
/// encoded only once the code is drawn.
pub trait Keep: Send + Sync {
    /// Where the answer is kept.
    fn key(&self) -> &LedgerKey;

    /// The answer with this record and these warnings.
    ///
    /// # Errors
    /// Where it cannot be encoded, which is a defect.
    fn entry(&self, registration: &Registration, warnings: &[Warning]) -> Result<LedgerEntry>;
}

/// What an issuer says of a record that lives as far as we know.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// It lives, and this is its record now.
    Live(Box<Registration>),
    /// The issuer knows it no more.
    Gone,
}

/// What an issuer has under a code of which no record is kept here.
#[derive(Debug, Clone, PartialEq)]
pub enum Sighting {
    /// The whole record.
    Whole(Box<Registration>),
    /// What the issuer tells of it: neither the record's id nor that of the device.
    Partial(Box<Registration>),
    Nothing,
}

/// What became of a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// The code is released; and whether the upstream has dropped it too, where there is one.
    Released {
        /// Absent for codes of our own.
        upstream_deleted: Option<bool>,
    },
    /// There was none.
    NotFound,
}

/// What a look at a watched code showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nobody has logged in with it.
    Pending,
    /// Somebody has.
    LoggedIn,
    /// The issuer does not know it any more.
    Missing,
}

/// Issues codes, and knows what became of them. The records that are kept here, its shadows, are in the store.
#[async_trait]
pub trait CodeBackend: Send + Sync {
    /// Issues a code, and keeps its record. A backend whose codes lie in our own store keeps the answer to the request in
    /// the same commit, where it is to be kept; others leave that to the caller, and say so.
    async fn issue(
        &self,
        context: &CallContext,
        request: Box<RegistrationRequest>,
        keep: Option<&dyn Keep>,
    ) -> Result<Issuance>;

    /// Asks for a record that lives as far as we know.
    async fn read(&self, context: &CallContext, record: Registration) -> Result<Presence>;

    /// Asks for a code of which nothing is known here, for the device or viewer at this address.
    async fn find(&self, context: &CallContext, key: &CodeKey, address: Option<Address>) -> Result<Sighting>;

    /// Releases a record that lives as far as we know.
    async fn delete(&self, context: &CallContext, record: &Registration) -> Result<Deletion>;

    /// Releases a code of which nothing is known here.
    async fn delete_unknown(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Deletion>;

    /// Looks whether the record has ended; `None` where the store itself signals that.
    async fn look(&self, record: &Registration) -> Option<Result<Sign>>;
}

/// What a backend that is not our own is told beside the identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamFacts {
    /// What the device says of itself.
    pub device_info: Option<DeviceInfo>,
    /// The device's User-Agent; empty where it is not known.
    pub user_agent: String,
    /// The device's address, where it is known.
    pub ip: Option<Address>,
    /// The user's identifier itself: only where the upstream shall have it.
    pub user_identifier: Option<UserIdentifier>,
}

/// Whose trial of which TempPass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialSubject {
    pub temp_pass: TempPassKey,
    /// What the TempPass is, where that is configured here.
    pub rule: Option<TempPassRule>,
    /// By whom the trial is known.
    pub identity: TrialIdentity,
    /// What else an upstream is told.
    pub facts: UpstreamFacts,
}

/// Authorizes by trials.
#[async_trait]
pub trait TrialBackend: Send + Sync {
    /// Authorizes a resource, starting the trial where there is none.
    async fn authorize(
        &self,
        context: &CallContext,
        subject: TrialSubject,
        resource: ResourceId,
        application: TrialApplication,
    ) -> Result<Verdict>;

    /// The trial as it stands.
    async fn get(&self, context: &CallContext, subject: &TrialSubject) -> Result<TrialView>;
}

/// Logs viewers in and out, and says what they may watch.
#[async_trait]
pub trait EntitlementBackend: Send + Sync {
    /// What is configured for the requestor. It may be minutes old.
    async fn configuration(
        &self,
        context: &CallContext,
        place: &Place,
    ) -> Result<Arc<RequestorConfiguration>>;

    /// Begins a login with a code; nothing where the code is not known.
    async fn start_login(&self, context: &CallContext, request: &LoginRequest) -> Result<Option<LoginStart>>;

    /// The device's logins, in no order. Those of TempPasses need not be among them.
    async fn profiles(&self, context: &CallContext, subject: &EntitlementSubject) -> Result<Vec<Profile>>;

    /// The device's login with an operator, or its trial of a TempPass. One that is known to have run out is
    /// [`Error::ProfileExpired`].
    async fn profile(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
    ) -> Result<Option<Profile>>;

    /// The logins that were made with a code, for who asks from this address: none while nobody has logged in; nothing where the
    /// code is not known.
    async fn profile_of_code(
        &self,
        context: &CallContext,
        code: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<Vec<Profile>>>;

    /// Whether a call about a device at this address would have to wait, or follow another one within a second. Counts none.
    async fn would_wait(&self, address: Option<Address>) -> Result<bool>;

    /// Whether a further call would have to wait for others to end.
    fn is_busy(&self) -> bool;

    /// Whether a resource may be watched now. A denial is a decision.
    async fn authorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resource: &Resource,
    ) -> Result<ResourceDecision>;

    /// Which of these resources could be watched, in their order. Nothing comes of it.
    async fn preauthorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resources: &[Resource],
    ) -> Result<Vec<ResourceDecision>>;

    /// Ends the device's login with an operator, where there is one. A browser that ends the session with the operator too
    /// comes back to `redirect_url`; to some place of the backend's choice where it is absent.
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
    /// Resets trials; how many, where that is known.
    async fn reset(
        &self,
        context: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        by: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>>;
}

/// A backend, by what it can do: a port for each capability. Every backend has those without a default. Of the others it has
/// those that it overrides, and who asks for another is told what that takes.
pub trait Backend: Send + Sync {
    /// For codes.
    fn codes(&self) -> &dyn CodeBackend;

    /// For resets of trials.
    fn resets(&self) -> &dyn ResetBackend;

    /// For trials.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it authorizes by none.
    fn trials(&self) -> Result<&dyn TrialBackend> {
        Err(Error::Unsupported(
            "what issues this requestor's codes has no operation for it: version 1 of the upstream authorizes TempPasses by \
             its own players only; version 2 has one"
                .to_owned(),
        ))
    }

    /// For logins and what they entitle to.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it knows none.
    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        Err(Error::Unsupported(
            "what issues this requestor's codes has no operation for it: version 2 of the upstream has; over version 1 devices \
             call the upstream itself, and this server's own store knows no operators"
                .to_owned(),
        ))
    }
}

/// A backend as use cases hold it.
pub(crate) type SharedBackend = Arc<dyn Backend>;

impl std::fmt::Debug for dyn Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Backend").finish_non_exhaustive()
    }
}

/// What a REST client sends to the provider's `/o/client` through here. It holds secrets, and shows itself to no log.
#[derive(Clone)]
pub struct RelayedCall {
    pub path: &'static str,
    /// The query as it came.
    pub query: String,
    /// Of the headers those that are the client's own.
    pub headers: http::HeaderMap,
    /// The body as it came.
    pub body: bytes::Bytes,
    /// The device's address.
    pub device: Option<Address>,
}

/// The provider's answer, as its client gets it. It holds secrets, and shows itself to no log.
#[derive(Clone)]
pub struct RelayedAnswer {
    pub status: http::StatusCode,
    /// Of the headers those that are for the client.
    pub headers: http::HeaderMap,
    pub body: bytes::Bytes,
}

/// Registers REST clients with the provider.
#[async_trait]
pub trait RegistrationRelay: Send + Sync {
    /// Makes a client's call, and remembers the token that it may have got.
    async fn send(&self, context: &CallContext, call: RelayedCall) -> Result<RelayedAnswer>;

    /// Whether a token was issued through here, on whatever replica, and is good still.
    async fn has_issued(&self, token: &str) -> Result<bool>;

    /// An access token of passbridge's own for a call about this requestor, where the caller makes the call itself; another one
    /// than `refused`, which the provider has refused.
    ///
    /// # Errors
    /// [`Error::UpstreamCredentialsRefused`] where another one would not help, [`Error::UpstreamUnavailable`].
    async fn own_token(
        &self,
        requestor: Option<&RequestorId>,
        refused: Option<&SecretText>,
    ) -> Result<SecretText>;
}

/// What is to be examined of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// In which version codes are made of this place.
    pub api: UpstreamApi,
    /// For whom, where a code shall be made, and deleted.
    pub create_for: Option<Place>,
    /// The domain that is configured for the requestor's logins.
    pub domain_name: Option<String>,
}

/// How a step of an examination ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// As it should be.
    Fine,
    /// It works, but not as it should be.
    Odd,
    /// It does not work.
    Broken,
}

/// What a step of an examination showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub step: String,
    /// How it is.
    pub condition: Condition,
    /// What was seen. Holds no secret.
    pub seen: String,
    /// What may have led to it, and what to do, the likeliest first.
    pub causes: Vec<(String, String)>,
}

/// Examines an upstream, step by step, until one is broken that the next ones need.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// The findings, in the order of the steps.
    async fn examine(&self, examination: &Examination) -> Vec<Finding>;
}

/// What an environment has that has an upstream: a backend for each version of its REST API, and its registration. Cheap to
/// clone.
#[derive(Clone)]
pub struct UpstreamBackends {
    /// Version 1.
    pub v1: SharedBackend,
    /// Version 2.
    pub v2: SharedBackend,
    /// Its registration of clients.
    pub relay: Arc<dyn RegistrationRelay>,
    /// Who looks whether it works.
    pub doctor: Arc<dyn Doctor>,
}

impl std::fmt::Debug for UpstreamBackends {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamBackends").finish_non_exhaustive()
    }
}

impl UpstreamBackends {
    /// The one of this version.
    #[must_use]
    pub fn of(&self, api: UpstreamApi) -> &SharedBackend {
        match api {
            UpstreamApi::V1 => &self.v1,
            UpstreamApi::V2 => &self.v2,
        }
    }
}
