//! The record of a registration code, and the request for one.

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

/// The maximum TTL of a code: 10 hours (reference, section 2).
pub const TTL_MAX: Duration = Duration::from_secs(36_000);

/// The default TTL of a code: 30 minutes (reference, section 2).
pub const TTL_DEFAULT: Duration = Duration::from_secs(1_800);

/// The quarantine: how long after its expiry an expired or released code is not issued again. A viewer may still have the
/// code on the screen, and it must not lead to another viewer's device.
pub const QUARANTINE: Duration = Duration::from_secs(600);

/// The `authorization_type` of records that were created with an access token (reference, section 2).
pub const OAUTH2: &str = "OAUTH2";

/// The TTL of a code: whole seconds, 1 to 36 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(Duration);

impl Ttl {
    /// Parses the seconds and nanoseconds of a request's `field`.
    ///
    /// # Errors
    /// They are not whole seconds from 1 to 36 000.
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

    /// Returns the TTL as a duration.
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

/// The key of a code. Codes are unique within an environment and requestor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodeKey {
    /// The code's environment.
    pub environment: EnvironmentName,
    /// The code's requestor.
    pub requestor: RequestorId,
    /// The code.
    pub code: Code,
}

impl CodeKey {
    /// Returns the code's place.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { environment: self.environment.clone(), requestor: self.requestor.clone() }
    }
}

/// Parameters that the REST documents call deprecated. They are stored and returned. Over v2, the application and the user
/// are part of the device's id at the upstream.
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

/// The maximum length of a deprecated parameter in bytes. The registration URL has its own limit.
pub(crate) const LEGACY_MAX: usize = 512;
pub(crate) const REGISTRATION_URL_MAX: usize = 2_048;

impl LegacyParameters {
    /// Adds a violation for each parameter that is too long or contains control characters. `names` are the request's names
    /// of the parameters, in the order of the fields of this struct.
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

/// The maximum length of each text of a [`SourceApplication`], in bytes.
pub(crate) const SOURCE_APPLICATION_MAX: usize = 256;

/// The application that requested the code, as its software statement names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceApplication {
    /// The application's id.
    pub id: String,
    /// The application's name.
    pub name: String,
    /// The application's version.
    pub version: String,
}

/// The record of a code. It is immutable while the code is live.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationCode {
    /// The record's id. Unlike the code, it is never used again.
    pub id: Uuid,
    /// The code that the TV shows.
    pub code: Code,
    /// The requestor that the code was created for.
    pub requestor: RequestorId,
    /// The environment that the code was created in.
    pub environment: EnvironmentName,
    /// The preselected operator, if any.
    pub mvpd: Option<MvpdId>,
    /// When the code was created.
    pub create_time: Timestamp,
    /// When the code expires.
    pub expire_time: Timestamp,
    /// The device's id here, and at the upstream over v1.
    pub device_id: DeviceId,
    /// Whether passbridge assigned the device's id because the device had none.
    pub device_id_assigned: bool,
    /// The normalized device information, including the User-Agents.
    pub device_info: NormalizedDeviceInfo,
    /// How the create was authorized: `OAUTH2` for a registered client's token; empty otherwise.
    pub authorization_type: String,
    /// The registered application that requested the code, if any.
    pub source_application: Option<SourceApplication>,
    /// The deprecated parameters, unmodified.
    pub legacy: LegacyParameters,
    /// Present if an upstream issued the code: this record is then its shadow.
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

/// The additional data in the shadow of a code that an upstream issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The API version that issued the code. The configuration may have changed since.
    pub api: UpstreamApi,
    /// The device's address as sent to the upstream.
    pub device_ip: Option<Address>,
    /// The device information in the upstream's encoding, if it differs from [`NormalizedDeviceInfo::encode`], so that it can
    /// be returned byte for byte. At most [`device_info::ENCODED_MAX`](super::device_info::ENCODED_MAX) bytes; absent over v2.
    pub device_info: Option<String>,
    /// The code's standing at the upstream.
    pub standing: ShadowStanding,
}

/// The standing of a shadowed code at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShadowStanding {
    /// The upstream issued the code.
    Issued,
    /// passbridge issued the code, and the upstream does not know it: the first code of a device without an id (reference,
    /// section 2).
    Unissued,
    /// passbridge issued the code, and the upstream does not know it: the device was already logged in when it requested the
    /// code, so no viewer has to type it (reference of the device flow, section 4.3).
    Resolved {
        /// The operator that the device is logged in with, if known.
        mvpd: Option<MvpdId>,
    },
}

/// A validated request for a new code.
#[derive(Debug, Clone)]
pub struct RegistrationRequest {
    /// The place of the code.
    pub place: Place,
    /// The device's id, if it has one.
    pub device_id: Option<DeviceId>,
    /// Whether the device requests an id that it will send from then on (`deviceId=dummy` in the REST API).
    pub asks_for_id: bool,
    /// Whether a device that is logged in gets a code nevertheless, one that counts as typed. v1 clients expect a code in every
    /// response.
    pub resolves_login: bool,
    /// The device information that the device sent. Only clients older than dynamic registration send none.
    pub device_info: Option<DeviceInfo>,
    /// The warnings about the device information.
    pub warnings: Vec<Warning>,
    /// The device's User-Agent; empty if it sent none.
    pub user_agent: String,
    /// The device's address, if known.
    pub device_ip: Option<Address>,
    /// The device's port, if known.
    pub device_port: Option<u16>,
    /// The preselected operator, if any.
    pub mvpd: Option<MvpdId>,
    /// The requested TTL; `None` for the default.
    pub ttl: Option<Ttl>,
    /// The domain that the viewer logs in from; empty if the second screen chooses it.
    pub domain_name: String,
    /// The URL of the second screen after the login; empty if the second screen chooses it.
    pub redirect_url: String,
    /// How the create was authorized: `OAUTH2` for a registered client's token; empty otherwise.
    pub authorization_type: String,
    /// The registered application that requests the code, if any.
    pub source_application: Option<SourceApplication>,
    /// The deprecated parameters, unmodified.
    pub legacy: LegacyParameters,
    /// Additional values for the upstream over v2.
    pub hints: DeviceHints,
}

impl RegistrationRequest {
    /// Creates a request with default values for everything except the place.
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

impl RegistrationCode {
    /// Returns the key of the record's code.
    #[must_use]
    pub fn key(&self) -> CodeKey {
        CodeKey {
            environment: self.environment.clone(),
            requestor: self.requestor.clone(),
            code: self.code.clone(),
        }
    }

    /// Returns the device's id at the upstream over v2. Each application of a device has its own login.
    #[must_use]
    pub fn scoped_device_id(&self) -> DeviceId {
        self.device_id.clone().scoped(&self.legacy.app_id, &self.legacy.device_user)
    }

    /// Returns the code's standing at the upstream; `None` for a code of the local backend.
    #[must_use]
    pub fn standing(&self) -> Option<&ShadowStanding> {
        self.shadow.as_ref().map(|shadow| &shadow.standing)
    }

    /// Returns the device's address as sent to the upstream, if the record is a shadow.
    #[must_use]
    pub fn upstream_address(&self) -> Option<Address> {
        self.shadow.as_ref().and_then(|shadow| shadow.device_ip)
    }

    /// Returns the encoded device information for responses, in the encoding of the code's issuer.
    #[must_use]
    pub fn encoded_device_info(&self) -> Cow<'_, str> {
        let theirs = self.shadow.as_ref().and_then(|shadow| shadow.device_info.as_deref());
        theirs.map_or_else(|| self.device_info.encode().into(), Cow::Borrowed)
    }

    /// Returns when the quarantine ends: a store may then delete the record and issue the code again.
    #[must_use]
    pub fn forget_time(&self) -> Timestamp {
        self.expire_time + QUARANTINE
    }
}

/// The state of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeState {
    /// Waiting for the viewer.
    Pending,
    /// Released before its expiry. In practice that means a completed login, but it is no proof of one.
    Released,
    /// Expired.
    Expired,
}

/// A stored record: live, expired, or a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeEntry {
    /// The record.
    pub registration: RegistrationCode,
    /// When the code was released; present for a tombstone.
    pub release_time: Option<Timestamp>,
}

impl CodeEntry {
    /// Returns the state at `now`. A code expires exactly at its `expire_time`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> CodeState {
        if self.release_time.is_some() {
            CodeState::Released
        } else if now >= self.registration.expire_time {
            CodeState::Expired
        } else {
            CodeState::Pending
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
