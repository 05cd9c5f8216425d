//! The formats of a registration code's record and of its release.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FormatError, StoredFormat, decode, device_info::DeviceInfoV1, encode};
use crate::domain::{
    address::Address,
    clock::Timestamp,
    code::Code,
    error::Violation,
    id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
    registration_code::{
        LegacyParameters, RegistrationCode, Shadow, ShadowStanding, SourceApplication, UpstreamApi,
    },
};

/// The release of a record. It turns the record into a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    /// The id of the released record. The code itself is not enough: it may belong to a newer record by now.
    pub id: Uuid,
    pub time: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReleaseV1 {
    id: [u8; 16],
    time: u64,
}

impl StoredFormat for ReleaseV1 {
    const NAME: &'static str = "release";
    const VERSION: u8 = 1;
}

impl Release {
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Encoding fixed-size fields cannot fail.
        encode(&ReleaseV1 { id: self.id.into_bytes(), time: self.time.as_millis() }).unwrap_or_default()
    }

    /// # Errors
    /// If the bytes are not a valid release.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let ReleaseV1 { id, time } = decode(bytes)?;
        Ok(Self { id: Uuid::from_bytes(id), time: Timestamp::from_millis(time) })
    }
}

/// The record of a code. All times in this module are in milliseconds since the Unix epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordV1<'a> {
    id: [u8; 16],
    code: &'a str,
    requestor: &'a str,
    environment: &'a str,
    mvpd: Option<&'a str>,
    create_time: u64,
    expire_time: u64,
    device_id: &'a str,
    device_id_assigned: bool,
    #[serde(borrow)]
    device_info: DeviceInfoV1<'a>,
    authorization_type: &'a str,
    source_application: Option<SourceApplicationV1<'a>>,
    legacy: LegacyParametersV1<'a>,
    shadow: Option<ShadowV1<'a>>,
}

impl StoredFormat for RecordV1<'_> {
    const NAME: &'static str = "code";
    const VERSION: u8 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct SourceApplicationV1<'a> {
    id: &'a str,
    name: &'a str,
    version: &'a str,
}

#[derive(Debug, Serialize, Deserialize)]
struct LegacyParametersV1<'a> {
    device_type: &'a str,
    device_user: &'a str,
    app_id: &'a str,
    app_version: &'a str,
    registration_url: &'a str,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShadowV1<'a> {
    api: UpstreamApiV1,
    device_ip: Option<IpAddr>,
    device_info: Option<&'a str>,
    #[serde(borrow)]
    standing: ShadowStandingV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
enum ShadowStandingV1<'a> {
    Issued,
    Unissued,
    Resolved { mvpd: Option<&'a str> },
}

#[derive(Debug, Serialize, Deserialize)]
enum UpstreamApiV1 {
    V1,
    V2,
}

/// Encodes the record of a code.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid record.
pub(crate) fn encode_code(registration: &RegistrationCode) -> Result<Vec<u8>, FormatError> {
    encode(&RecordV1::from(registration))
}

/// Decodes the record of a code.
///
/// # Errors
/// If the bytes are not a valid record.
pub(crate) fn decode_code(bytes: &[u8]) -> Result<RegistrationCode, FormatError> {
    let record: RecordV1<'_> = decode(bytes)?;
    RegistrationCode::try_from(record).map_err(|violation| FormatError::invalid::<RecordV1<'_>>(&violation))
}

impl<'a> From<&'a RegistrationCode> for RecordV1<'a> {
    fn from(registration: &'a RegistrationCode) -> Self {
        let RegistrationCode {
            id,
            code,
            requestor,
            environment,
            mvpd,
            create_time,
            expire_time,
            device_id,
            device_id_assigned,
            device_info,
            authorization_type,
            source_application,
            legacy,
            shadow,
        } = registration;
        Self {
            id: id.into_bytes(),
            code: code.as_str(),
            requestor: requestor.as_str(),
            environment: environment.as_str(),
            mvpd: mvpd.as_ref().map(MvpdId::as_str),
            create_time: create_time.as_millis(),
            expire_time: expire_time.as_millis(),
            device_id: device_id.as_str(),
            device_id_assigned: *device_id_assigned,
            device_info: device_info.into(),
            authorization_type,
            source_application: source_application.as_ref().map(Into::into),
            legacy: legacy.into(),
            shadow: shadow.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<RecordV1<'_>> for RegistrationCode {
    type Error = Violation;

    fn try_from(record: RecordV1<'_>) -> Result<Self, Violation> {
        Ok(Self {
            id: Uuid::from_bytes(record.id),
            code: Code::from_canonical(record.code),
            requestor: RequestorId::parse("requestor", record.requestor)?,
            environment: EnvironmentName::parse("environment", record.environment)?,
            mvpd: record.mvpd.map(|mvpd| MvpdId::parse("mvpd", mvpd)).transpose()?,
            create_time: Timestamp::from_millis(record.create_time),
            expire_time: Timestamp::from_millis(record.expire_time),
            device_id: DeviceId::parse("device_id", record.device_id)?,
            device_id_assigned: record.device_id_assigned,
            device_info: record.device_info.into(),
            authorization_type: record.authorization_type.to_owned(),
            source_application: record.source_application.map(Into::into),
            legacy: record.legacy.into(),
            shadow: record.shadow.map(TryInto::try_into).transpose()?,
        })
    }
}

impl<'a> From<&'a SourceApplication> for SourceApplicationV1<'a> {
    fn from(SourceApplication { id, name, version }: &'a SourceApplication) -> Self {
        Self { id, name, version }
    }
}

impl From<SourceApplicationV1<'_>> for SourceApplication {
    fn from(SourceApplicationV1 { id, name, version }: SourceApplicationV1<'_>) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), version: version.to_owned() }
    }
}

impl<'a> From<&'a LegacyParameters> for LegacyParametersV1<'a> {
    fn from(legacy: &'a LegacyParameters) -> Self {
        let LegacyParameters { device_type, device_user, app_id, app_version, registration_url } = legacy;
        Self { device_type, device_user, app_id, app_version, registration_url }
    }
}

impl From<LegacyParametersV1<'_>> for LegacyParameters {
    fn from(legacy: LegacyParametersV1<'_>) -> Self {
        Self {
            device_type: legacy.device_type.to_owned(),
            device_user: legacy.device_user.to_owned(),
            app_id: legacy.app_id.to_owned(),
            app_version: legacy.app_version.to_owned(),
            registration_url: legacy.registration_url.to_owned(),
        }
    }
}

impl<'a> From<&'a Shadow> for ShadowV1<'a> {
    fn from(Shadow { api, device_ip, device_info, standing }: &'a Shadow) -> Self {
        let api = match api {
            UpstreamApi::V1 => UpstreamApiV1::V1,
            UpstreamApi::V2 => UpstreamApiV1::V2,
        };
        let device_ip = device_ip.map(Address::ip);
        let standing = match standing {
            ShadowStanding::Issued => ShadowStandingV1::Issued,
            ShadowStanding::Unissued => ShadowStandingV1::Unissued,
            ShadowStanding::Resolved { mvpd } => {
                ShadowStandingV1::Resolved { mvpd: mvpd.as_ref().map(MvpdId::as_str) }
            }
        };
        Self { api, device_ip, device_info: device_info.as_deref(), standing }
    }
}

impl TryFrom<ShadowV1<'_>> for Shadow {
    type Error = Violation;

    fn try_from(ShadowV1 { api, device_ip, device_info, standing }: ShadowV1<'_>) -> Result<Self, Violation> {
        let api = match api {
            UpstreamApiV1::V1 => UpstreamApi::V1,
            UpstreamApiV1::V2 => UpstreamApi::V2,
        };
        let device_info = device_info.map(ToOwned::to_owned);
        let standing = match standing {
            ShadowStandingV1::Issued => ShadowStanding::Issued,
            ShadowStandingV1::Unissued => ShadowStanding::Unissued,
            ShadowStandingV1::Resolved { mvpd } => {
                let mvpd = mvpd.map(|mvpd| MvpdId::parse("shadow.standing", mvpd)).transpose()?;
                ShadowStanding::Resolved { mvpd }
            }
        };
        Ok(Self { api, device_ip: device_ip.map(Address::from), device_info, standing })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{format::golden, store::conformance::sample};

    const NOW: Timestamp = Timestamp::from_millis(1_763_000_000_123);

    #[test]
    fn the_format_of_a_code_is_pinned() {
        let record = sample::shadow(NOW, "NKGF4M7");
        let encoded = encode_code(&record).expect("encodes");
        golden::check(RecordV1::NAME, RecordV1::VERSION, &encoded, decode_code, &record);
    }

    #[test]
    fn a_code_round_trips_with_each_standing_of_its_shadow() {
        let mvpd = MvpdId::parse("mvpd", "Cablevision").ok();
        for standing in [
            ShadowStanding::Issued,
            ShadowStanding::Resolved { mvpd: None },
            ShadowStanding::Resolved { mvpd },
        ] {
            let mut record = sample::shadow(NOW, "NKGF4M7");
            record.shadow.as_mut().expect("a shadow").standing = standing;
            let encoded = encode_code(&record).expect("encodes");
            assert_eq!(decode_code(&encoded).expect("decodes"), record);
        }
    }

    #[test]
    fn the_format_of_a_release_is_pinned() {
        let release = Release { id: Uuid::from_u128(7), time: NOW + Duration::from_secs(7) };
        let encoded = release.encode();
        golden::check(ReleaseV1::NAME, ReleaseV1::VERSION, &encoded, Release::decode, &release);
    }
}
