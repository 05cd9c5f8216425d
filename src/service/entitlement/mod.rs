//! Entitlements: operators, logins, and decisions about resources. One use case per file.

mod authorize;
mod begin_temp_pass;
mod check_login;
mod code_login;
mod get_profile;
mod list_mvpds;
mod log_out;
mod media_token;
mod polls;
mod preauthorize;
mod start_login;
mod stored_decision;
mod user_metadata;

use std::sync::Arc;

use super::{
    RegistrationService,
    backends::Backends,
    device_memory::{DeviceMemory, ReportedDevice},
    policy::{Place, SharedPolicy},
};
use crate::domain::{
    address::Address,
    backend::{EntitlementBackend, SharedBackend},
    call::CallContext,
    caller::Caller,
    clock::SharedClock,
    device_info::{self, DeviceInfo, Normalizer},
    entitlement::{DeviceHints, EntitlementSubject, Profile},
    error::{Error, Result, Violations},
    id::{DeviceId, EnvironmentName, MvpdId},
    known_device::{DeviceKey, KnownDevice},
    port::StoredDevice,
    secret::SecretText,
};

use polls::Polls;

pub(crate) use authorize::{AuthorizeResource, ResourceAuthorization};
pub(crate) use log_out::LoggedOut;
pub(crate) use media_token::{IssuedToken, MediaTokenAnswer};
pub(crate) use preauthorize::{Preauthorize, Preauthorized};
pub(crate) use start_login::StartLogin;
pub(crate) use stored_decision::StoredDecision;
pub(crate) use user_metadata::UserMetadata;

/// The entitlement use cases. A cheap handle.
#[derive(Clone)]
pub struct EntitlementService {
    parts: Arc<EntitlementDependencies>,
    polls: Arc<Polls>,
}

/// Counts events for the metrics.
pub trait EntitlementObserver: Send + Sync {
    /// A viewer has logged in.
    fn login_seen(&self, environment: &EnvironmentName);

    /// A decision was made.
    fn decision_made(&self, environment: &EnvironmentName, is_permitted: bool);

    /// A client requested the login of a device, and got the answer from memory or from the upstream.
    fn login_checked(&self, environment: &EnvironmentName, is_from_memory: bool);
}

/// The dependencies of the use cases.
pub struct EntitlementDependencies {
    /// The backends, which know logins.
    pub backends: Backends,
    /// The operator's configuration.
    pub policy: SharedPolicy,
    /// The clock.
    pub clock: SharedClock,
    /// Where the codes are that viewers log in with.
    pub registration: RegistrationService,
    /// The memory of devices.
    pub memory: DeviceMemory,
    /// Derives device information if only the User-Agent is known.
    pub normalizer: Arc<Normalizer>,
    /// Counts events.
    pub count: Arc<dyn EntitlementObserver>,
}

/// The device that a call is about, in validated form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceContext {
    /// Environment and requestor.
    pub place: Place,
    pub id: DeviceId,
    /// Whether the call names no application or user beside the id. The id may then refer to a device that named one when it
    /// created its code.
    pub may_be_scoped: bool,
    /// The device information that it sends.
    pub info: Option<DeviceInfo>,
    /// Its User-Agent; empty if unknown.
    pub user_agent: String,
    /// The kind of device that it reports, if it sends no device information; empty if it sends none.
    pub device_type: String,
    pub ip: Option<Address>,
    /// What identifies the viewer to a promotional TempPass, beside the device: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    pub hints: DeviceHints,
}

/// The kind of a device about which nothing is sent and nothing is known.
pub(crate) const UNKNOWN_DEVICE: &str = "Unknown";

impl DeviceContext {
    /// A device about which only the remembered facts are known.
    fn known(key: &DeviceKey, ip: Option<Address>) -> Self {
        Self {
            place: key.place.clone(),
            id: key.device_id.clone(),
            may_be_scoped: false,
            info: None,
            user_agent: String::new(),
            device_type: UNKNOWN_DEVICE.to_owned(),
            ip,
            temp_pass_identity: None,
            hints: DeviceHints::default(),
        }
    }

    /// What it reports about itself.
    fn facts(&self) -> ReportedDevice {
        ReportedDevice {
            device_info: self.info.as_ref().map(DeviceInfo::encode),
            user_agent: self.user_agent.clone(),
            temp_pass_identity: self.temp_pass_identity.clone(),
        }
    }

    /// The key of its remembered facts.
    fn key(&self) -> DeviceKey {
        DeviceKey { place: self.place.clone(), device_id: self.id.clone() }
    }
}

/// The login that a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub device: DeviceContext,
    /// The operator; `None` selects the newest login.
    pub mvpd: Option<MvpdId>,
}

/// The backend of a place, with the context of a call to it.
struct BackendCall {
    backend: SharedBackend,
    context: CallContext,
}

impl BackendCall {
    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        self.backend.entitlements()
    }
}

impl EntitlementService {
    /// Creates the use cases.
    #[must_use]
    pub fn new(parts: EntitlementDependencies) -> Self {
        let polls = Arc::new(Polls::new(Arc::clone(&parts.clock)));
        Self { parts: Arc::new(parts), polls }
    }

    /// The operator's configuration, for faces that need to know the places.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.parts.policy
    }

    /// The backend of a place.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the backend does not support logins.
    fn connect(&self, caller: &Caller, place: &Place) -> Result<BackendCall> {
        let policy = self.parts.policy.load();
        let api = policy.upstream_api(place);
        let backend = self.parts.backends.of(&policy, &place.environment, api)?;
        // Checked before anything else about the request, because the caller cannot fix this.
        backend.entitlements()?;
        Ok(BackendCall { backend, context: Backends::context(caller.context(), api)? })
    }

    /// The remembered facts about the device, updated with what it reports in this call. Resolves the device's id.
    async fn recall(&self, device: &mut DeviceContext) -> Result<Option<StoredDevice>> {
        match self.resolve(device).await? {
            Some(stored) => self.parts.memory.apply(&device.facts(), &device.key(), stored).await,
            None => Ok(None),
        }
    }

    /// The remembered facts about the device. The device gets the id under which they are stored.
    async fn resolve(&self, device: &mut DeviceContext) -> Result<Option<StoredDevice>> {
        let (memory, mut key) = (&self.parts.memory, device.key());
        if !device.may_be_scoped {
            return memory.get(&key).await;
        }
        let stored = memory.resolve(&mut key).await?;
        device.id = key.device_id;
        Ok(stored)
    }

    /// The device information for the upstream. In order of precedence: what the device reports, what it reported
    /// before, the configured default, and what its User-Agent implies.
    fn subject(&self, device: &DeviceContext, known: Option<&KnownDevice>) -> Result<EntitlementSubject> {
        let DeviceContext { place, id, info, user_agent, device_type, ip, temp_pass_identity, hints, .. } =
            device;
        let policy = self.parts.policy.load();
        let configured = policy.login_defaults(place).and_then(|login| login.device_info.as_ref());
        let known_agent = known.map(|known| known.user_agent.clone()).unwrap_or_default();
        let user_agent = if user_agent.is_empty() { known_agent } else { user_agent.clone() };
        let reported = info.as_ref().map(DeviceInfo::encode);
        let reported = reported.or_else(|| known.and_then(|known| known.device_info.clone()));
        let device_info = reported
            .or_else(|| configured.map(DeviceInfo::encode))
            .or_else(|| self.guessed(&user_agent, device_type, *ip));
        let mut violations = Violations::default();
        if device_info.is_none() {
            violations.add(
                "device",
                "is required by version 2 of the upstream's API; send device_info or x_device_info",
            );
        }
        if ip.is_none() {
            violations.add(
                "device_ip",
                "is required, because the upstream limits the calls of each device by its address",
            );
        }
        let Some(device_info) = device_info.filter(|_| violations.is_empty()) else {
            return Err(violations.into_error());
        };
        let known_identity = known.and_then(|known| known.temp_pass_identity.clone());
        Ok(EntitlementSubject {
            place: place.clone(),
            device_id: id.clone(),
            device_info,
            user_agent,
            address: *ip,
            temp_pass_identity: temp_pass_identity.clone().or(known_identity),
            hints: hints.clone(),
        })
    }

    /// Device information derived from the User-Agent and the reported kind; `None` if neither is known.
    fn guessed(&self, user_agent: &str, device_type: &str, ip: Option<Address>) -> Option<String> {
        if user_agent.is_empty() && device_type.is_empty() {
            return None;
        }
        let connection = device_info::ObservedConnection::new(user_agent, ip, None);
        Some(self.parts.normalizer.guess(&connection, device_type).encode())
    }

    /// The login with this operator, or the newest one.
    ///
    /// # Errors
    /// [`Error::ProfileNotFound`], [`Error::ProfileExpired`] and those of an upstream.
    async fn profile(
        &self,
        connection: &BackendCall,
        subject: &EntitlementSubject,
        mvpd: Option<&MvpdId>,
    ) -> Result<Profile> {
        let (backend, context) = (connection.entitlements()?, &connection.context);
        let profiles = match mvpd {
            Some(mvpd) => backend.profile(context, subject, mvpd).await?.into_iter().collect(),
            None => backend.profiles(context, subject).await?,
        };
        self.newest(profiles)
    }

    /// The newest of these logins.
    ///
    /// # Errors
    /// [`Error::ProfileNotFound`] if there is none, [`Error::ProfileExpired`] if all have expired.
    fn newest(&self, mut profiles: Vec<Profile>) -> Result<Profile> {
        let now = self.parts.clock.now();
        let count = profiles.len();
        profiles.retain(|profile| !profile.has_expired(now));
        let gone = if count > 0 { Error::ProfileExpired } else { Error::ProfileNotFound };
        newest_first(&mut profiles);
        profiles.into_iter().next().ok_or(gone)
    }
}

/// Sorts logins, most recent first.
fn newest_first(profiles: &mut [Profile]) {
    profiles.sort_by_key(|profile| std::cmp::Reverse(profile.issue_time));
}

impl std::fmt::Debug for EntitlementService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EntitlementService").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
