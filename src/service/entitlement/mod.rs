//! Entitlements: whom viewers can log in with, logins, and what may be watched by them. One use case a file.

mod authorize;
mod begin_temp_pass;
mod check_login;
mod code_login;
mod get_profile;
mod kept_decision;
mod list_mvpds;
mod log_out;
mod media_token;
mod preauthorize;
mod start_login;
mod user_metadata;

use std::sync::Arc;

use super::{
    RegistrationService,
    backends::Backends,
    policy::{Place, SharedPolicy},
};
use crate::domain::{
    address::Address,
    backend::{EntitlementBackend, SharedBackend},
    call::CallContext,
    caller::Caller,
    clock::SharedClock,
    device_info::DeviceInfo,
    entitlement::{DeviceHints, EntitlementSubject, Profile},
    error::{Error, Result, Violations},
    id::{DeviceId, MvpdId},
    secret::SecretText,
};

pub(crate) use authorize::{Authorize, Authorized};
pub(crate) use kept_decision::KeptDecision;
pub(crate) use log_out::LoggedOut;
pub(crate) use media_token::{IssuedToken, MediaTokenAnswer};
pub(crate) use preauthorize::{Preauthorize, Preauthorized};
pub(crate) use start_login::StartLogin;
pub(crate) use user_metadata::UserMetadata;

/// The use cases around entitlements. A cheap handle.
#[derive(Clone)]
pub struct EntitlementService {
    parts: Arc<Parts>,
}

/// What the use cases work with.
pub struct Parts {
    /// Who knows logins.
    pub backends: Backends,
    /// What the operator configured.
    pub policy: SharedPolicy,
    /// Time.
    pub clock: SharedClock,
    /// Where the codes are that viewers log in with.
    pub registration: RegistrationService,
}

/// The device that a call is about, in valid parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Environment and requestor.
    pub place: Place,
    pub id: DeviceId,
    /// What it says of itself.
    pub info: Option<DeviceInfo>,
    /// Its User-Agent; empty where it is not known.
    pub user_agent: String,
    /// What kind of device it says to be, where it sends no information; empty where it does not.
    pub device_type: String,
    pub ip: Option<Address>,
    /// By what a promotional TempPass knows the viewer beside the device: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    pub hints: DeviceHints,
}

/// Whose login a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub device: Device,
    /// With which operator; with that of the newest login where absent.
    pub mvpd: Option<MvpdId>,
}

/// The backend of a place, and what goes along with a call to it.
struct Connection {
    backend: SharedBackend,
    context: CallContext,
}

impl Connection {
    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        self.backend.entitlements()
    }
}

impl EntitlementService {
    /// The use cases over `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// What the operator configured, for faces that must know which places there are.
    #[must_use]
    pub fn policy(&self) -> &SharedPolicy {
        &self.parts.policy
    }

    /// The backend of a place.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it knows no logins.
    fn connect(&self, caller: &Caller, place: &Place) -> Result<Connection> {
        let policy = self.parts.policy.load();
        let api = policy.upstream_api(place);
        let backend = self.parts.backends.of(&policy, &place.environment, api)?;
        // Before anything else is said of the request: nothing that the caller could mend leads to an answer.
        backend.entitlements()?;
        Ok(Connection { backend, context: Backends::context(caller.context(), api)? })
    }

    /// The device as an upstream is told, with what is configured in the place of what it does not say.
    fn subject(&self, device: Device) -> Result<EntitlementSubject> {
        let Device { place, id, info, user_agent, device_type: _, ip, temp_pass_identity, hints } = device;
        let policy = self.parts.policy.load();
        let configured = policy.login_defaults(&place).and_then(|login| login.device_info.as_ref());
        let mut violations = Violations::default();
        if info.is_none() && configured.is_none() {
            violations
                .add("device", "is required over version 2 of the upstream: device_info, or x_device_info");
        }
        if ip.is_none() {
            violations
                .add("device_ip", "is required: the upstream counts the calls of each device by its address");
        }
        let Some(info) = info.as_ref().or(configured).filter(|_| violations.is_empty()) else {
            return Err(violations.into_error());
        };
        let device_info = info.encode();
        Ok(EntitlementSubject {
            place,
            device_id: id,
            device_info,
            user_agent,
            address: ip,
            temp_pass_identity,
            hints,
        })
    }

    /// The login with this operator, or the newest one.
    ///
    /// # Errors
    /// [`Error::ProfileNotFound`], [`Error::ProfileExpired`] and those of an upstream.
    async fn profile(
        &self,
        connection: &Connection,
        subject: &EntitlementSubject,
        mvpd: Option<&MvpdId>,
    ) -> Result<Profile> {
        let (backend, context) = (connection.entitlements()?, &connection.context);
        let mut profiles = match mvpd {
            Some(mvpd) => backend.profile(context, subject, mvpd).await?.into_iter().collect(),
            None => backend.profiles(context, subject).await?,
        };
        let now = self.parts.clock.now();
        let count = profiles.len();
        profiles.retain(|profile| !profile.has_expired(now));
        let gone = if count > 0 { Error::ProfileExpired } else { Error::ProfileNotFound };
        newest_first(&mut profiles);
        profiles.into_iter().next().ok_or(gone)
    }

    /// The operator to ask for a decision: the one that is named, or that of the newest login; nothing where there is no login.
    async fn mvpd(
        &self,
        connection: &Connection,
        subject: &EntitlementSubject,
        named: Option<MvpdId>,
    ) -> Result<Option<MvpdId>> {
        if named.is_some() {
            return Ok(named);
        }
        match self.profile(connection, subject, None).await {
            Ok(profile) => Ok(Some(profile.mvpd)),
            Err(Error::ProfileNotFound | Error::ProfileExpired) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The last login first.
fn newest_first(profiles: &mut [Profile]) {
    profiles.sort_by_key(|profile| std::cmp::Reverse(profile.issue_time));
}

impl std::fmt::Debug for EntitlementService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EntitlementService").finish_non_exhaustive()
    }
}
