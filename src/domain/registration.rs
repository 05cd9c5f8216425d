//! The record behind a registration code, and what a request for one may say.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    address::Address,
    clock::Timestamp,
    code::Code,
    device_info::{DeviceInfo, NormalizedDeviceInfo, Warning},
    entitlement::DeviceHints,
    error::{Violation, Violations},
    id::{DeviceId, EnvironmentName, MvpdId, Place, RequestorId},
};

/// The longest time a code may live: 10 hours (reference, section 2).
pub const TTL_MAX: Duration = Duration::from_secs(36_000);

/// The time a code lives where the request does not say: 30 minutes (reference, section 2).
pub const TTL_DEFAULT: Duration = Duration::from_secs(1_800);

/// How long a code that has expired or was released stays out of use after the moment of its expiry: a code
/// that a viewer still has before the eyes must not lead to somebody else's device.
pub const QUARANTINE: Duration = Duration::from_secs(600);

/// How records of calls with an access token say that they were authorized (reference, section 2).
pub const OAUTH2: &str = "OAUTH2";

/// How long a code lives: whole seconds, 1 to 36 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(Duration);

impl Ttl {
    /// Takes seconds and nanoseconds as a request's `field` had them.
    ///
    /// # Errors
    /// Where they are not whole seconds from 1 to 36 000.
    pub fn parse(field: &str, seconds: i64, nanos: i32) -> Result<Self, Violation> {
        let whole = u64::try_from(seconds).ok().filter(|_| nanos == 0);
        match whole.map(Duration::from_secs) {
            Some(ttl) if (Duration::from_secs(1)..=TTL_MAX).contains(&ttl) => Ok(Self(ttl)),
            _ => Err(Violation::new(
                field,
                "must be whole seconds from 1 to 36000 (10 hours); leave it out for 1800 (30 minutes)",
            )),
        }
    }

    /// The time as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self(TTL_DEFAULT)
    }
}

/// What names a code: codes are unique within an environment and requestor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodeKey {
    /// The environment in which the code lives.
    pub environment: EnvironmentName,
    /// The channel that it was made for.
    pub requestor: RequestorId,
    /// The code itself.
    pub code: Code,
}

impl CodeKey {
    /// Where the code lives.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { environment: self.environment.clone(), requestor: self.requestor.clone() }
    }
}

/// Parameters that the REST documents call deprecated: kept and given back. Over version 2 of the upstream the application and
/// the user are part of what the device is known by there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyParameters {
    /// `deviceType`.
    pub device_type: String,
    /// `deviceUser`.
    pub device_user: String,
    /// `appId`.
    pub app_id: String,
    /// `appVersion`.
    pub app_version: String,
    /// `registrationURL`.
    pub registration_url: String,
}

/// The longest deprecated parameter, in bytes; the one that is a URL may be longer.
pub(crate) const LEGACY_MAX: usize = 512;
pub(crate) const REGISTRATION_URL_MAX: usize = 2_048;

impl LegacyParameters {
    /// Notes what is too long or holds control characters, by the names that the request has for the parameters, in
    /// the order of the fields here.
    pub fn check(&self, violations: &mut Violations, names: [&str; 5]) {
        let Self { device_type, device_user, app_id, app_version, registration_url } = self;
        for (name, text) in
            names.into_iter().zip([device_type, device_user, app_id, app_version, registration_url])
        {
            let is_url = std::ptr::eq(text, registration_url);
            violations.check_text(name, text, if is_url { REGISTRATION_URL_MAX } else { LEGACY_MAX });
        }
    }
}

/// The longest text of a [`SourceApplication`], in bytes.
pub(crate) const SOURCE_APPLICATION_MAX: usize = 256;

/// The application that asked, as its software statement names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceApplication {
    /// The application's id.
    pub id: String,
    /// The application's name.
    pub name: String,
    /// The application's version.
    pub version: String,
}

/// The record behind a code. It does not change while it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// The record's own id; unlike a code it is never used again.
    pub id: Uuid,
    /// What the TV shows.
    pub code: Code,
    /// The channel that asked.
    pub requestor: RequestorId,
    /// The environment it was asked in.
    pub environment: EnvironmentName,
    /// The operator chosen in advance, if any.
    pub mvpd: Option<MvpdId>,
    /// When the code was made.
    pub create_time: Timestamp,
    /// When the code ends.
    pub expire_time: Timestamp,
    /// What the device is known by here, and over version 1 of the upstream.
    pub device_id: DeviceId,
    /// Whether passbridge made the device's id because the device had none.
    pub device_id_assigned: bool,
    /// What kind of device asked, with the User-Agents that tell it.
    pub device_info: NormalizedDeviceInfo,
    /// How the call was authorized, `OAUTH2` for calls with a registered client's token; empty otherwise.
    pub authorization_type: String,
    /// The registered application that asked, where one did.
    pub source_application: Option<SourceApplication>,
    /// Deprecated parameters as they came.
    pub legacy: LegacyParameters,
    /// Set where somebody else issued the code: then this is but the record's shadow.
    pub shadow: Option<Shadow>,
}

/// A version of the provider's REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamApi {
    /// `/reggie/v1`.
    V1,
    /// `/api/v2`.
    V2,
}

/// What is kept of a code that an upstream issued, beside its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Who issued it: the configuration may have changed since.
    pub api: UpstreamApi,
    /// The address that the upstream knows the device by.
    pub device_ip: Option<Address>,
    /// The upstream's own text of the device's information, where [`NormalizedDeviceInfo::encode`] gives another one: what
    /// was issued there is given back byte for byte. At most [`device_info::ENCODED_MAX`](super::device_info::ENCODED_MAX)
    /// bytes; v2 has none.
    pub device_info: Option<String>,
    /// What the upstream knows of it.
    pub standing: ShadowStanding,
}

/// What an upstream knows of a code that it should have issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShadowStanding {
    /// The upstream has issued it.
    Issued,
    /// The upstream has never heard of it: the first code of a device without an id (reference, section 2).
    Unissued,
    /// Nor of this one: the device was logged in when it asked for a code, so that nobody has to type it (reference of the
    /// device flow, section 4.3).
    Resolved {
        /// With which operator, where that is known.
        mvpd: Option<MvpdId>,
    },
}

/// A request for a new code, in valid parts.
#[derive(Debug, Clone)]
pub struct RegistrationRequest {
    /// Where the code shall live.
    pub place: Place,
    /// The device's id, where it has one.
    pub device_id: Option<DeviceId>,
    /// Whether the device asks for the id that it will send from then on (`deviceId=dummy` of the REST API).
    pub asks_for_id: bool,
    /// Whether a device that is logged in gets a code all the same, one that counts as typed: clients of version 1 know no other
    /// answer.
    pub resolves_login: bool,
    /// What the device said of itself; only clients older than dynamic registration say nothing.
    pub device_info: Option<DeviceInfo>,
    /// What was odd about that.
    pub warnings: Vec<Warning>,
    /// The device's User-Agent; empty where it sent none.
    pub user_agent: String,
    /// The device's address, where it is known.
    pub device_ip: Option<Address>,
    /// The device's port, where it is known.
    pub device_port: Option<u16>,
    /// The operator chosen in advance, if any.
    pub mvpd: Option<MvpdId>,
    /// How long the code shall live; `None` where the request does not say.
    pub ttl: Option<Ttl>,
    /// The domain that the viewer logs in from; empty where it is left to the second screen.
    pub domain_name: String,
    /// Where the second screen goes after the login; empty where that is left to it.
    pub redirect_url: String,
    /// How the call was authorized; empty where it was not by a registered client's token.
    pub authorization_type: String,
    /// The registered application that asks, where one does.
    pub source_application: Option<SourceApplication>,
    /// Deprecated parameters as they came.
    pub legacy: LegacyParameters,
    /// What version 2 of the upstream is told beside.
    pub hints: DeviceHints,
}

impl RegistrationRequest {
    /// A request that says nothing but where.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            device_id: None,
            asks_for_id: false,
            resolves_login: false,
            device_info: None,
            warnings: Vec::new(),
            user_agent: String::new(),
            device_ip: None,
            device_port: None,
            mvpd: None,
            ttl: None,
            domain_name: String::new(),
            redirect_url: String::new(),
            authorization_type: String::new(),
            source_application: None,
            legacy: LegacyParameters::default(),
            hints: DeviceHints::default(),
        }
    }
}

impl Registration {
    /// What names this record's code.
    #[must_use]
    pub fn key(&self) -> CodeKey {
        CodeKey {
            environment: self.environment.clone(),
            requestor: self.requestor.clone(),
            code: self.code.clone(),
        }
    }

    /// What version 2 of the upstream knows the device by: two applications of one device have logins of their own.
    #[must_use]
    pub fn scoped_device_id(&self) -> DeviceId {
        self.device_id.clone().scoped(&self.legacy.app_id, &self.legacy.device_user)
    }

    /// What the upstream knows of the code; nothing where it is one of our own store.
    #[must_use]
    pub fn standing(&self) -> Option<&ShadowStanding> {
        self.shadow.as_ref().map(|shadow| &shadow.standing)
    }

    /// The address that the upstream knows the device by, where it issued the code.
    #[must_use]
    pub fn upstream_address(&self) -> Option<Address> {
        self.shadow.as_ref().and_then(|shadow| shadow.device_ip)
    }

    /// The device's information as the record's answer carries it: the text of who issued the code.
    #[must_use]
    pub fn encoded_device_info(&self) -> Cow<'_, str> {
        let theirs = self.shadow.as_ref().and_then(|shadow| shadow.device_info.as_deref());
        theirs.map_or_else(|| self.device_info.encode().into(), Cow::Borrowed)
    }

    /// When a store may forget the record, and its code may be given out again.
    #[must_use]
    pub fn forget_time(&self) -> Timestamp {
        self.expire_time + QUARANTINE
    }
}

/// Where a code is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waiting for the viewer.
    Pending,
    /// Gone before its time: in the real flow a finished login, but no proof of one.
    Released,
    /// Its time is over.
    Expired,
}

/// A record as a store keeps it: live, or the tombstone that it left.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeEntry {
    /// The record.
    pub registration: Registration,
    /// When the code was released, if it was.
    pub release_time: Option<Timestamp>,
}

impl CodeEntry {
    /// The state at `now`. A code expires at the very millisecond of its `expire_time`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        if self.release_time.is_some() {
            State::Released
        } else if now >= self.registration.expire_time {
            State::Expired
        } else {
            State::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_whole_seconds_from_one_to_ten_hours() {
        assert_eq!(Ttl::parse("ttl", 1, 0).expect("valid").as_duration(), Duration::from_secs(1));
        assert_eq!(Ttl::parse("ttl", 36_000, 0).expect("valid").as_duration(), TTL_MAX);
        for (seconds, nanos) in [(0, 0), (-1, 0), (36_001, 0), (1, 1), (i64::MAX, 0), (i64::MIN, -1), (0, 5)]
        {
            assert_eq!(Ttl::parse("ttl", seconds, nanos).expect_err("refused").field, "ttl");
        }
    }
}
