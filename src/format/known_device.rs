//! The format of a known device, before it is sealed.

use serde::{Deserialize, Serialize};

use super::{FormatError, StoredFormat, decode, encode};
use crate::domain::{
    clock::Timestamp,
    code::Code,
    entitlement::ProfileKind,
    error::Violation,
    id::{DeviceId, MvpdId, RequestorId},
    known_device::{
        DECISIONS_MAX, KnownDecision, KnownDevice, KnownLogin, LoginStanding, PendingCode, ResourceDigest,
    },
    secret::SecretText,
    temp_pass::MediaToken,
};

/// The maximum length of a device's record, in bytes: more than twice the length of a record whose fields all have their
/// maximum length. A longer record is neither written nor read.
pub(crate) const KNOWN_DEVICE_MAX: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
pub(super) struct KnownDeviceV1<'a> {
    device_info: Option<&'a str>,
    user_agent: &'a str,
    temp_pass_identity: Option<&'a str>,
    #[serde(borrow)]
    pending: Option<PendingCodeV1<'a>>,
    login: Option<KnownLoginV1<'a>>,
    decisions: Vec<KnownDecisionV1<'a>>,
}

impl StoredFormat for KnownDeviceV1<'_> {
    const NAME: &'static str = "known_device";
    const VERSION: u8 = 1;
}

#[derive(Serialize, Deserialize)]
struct PendingCodeV1<'a> {
    code: &'a str,
    /// In milliseconds since the Unix epoch, like all times in this module.
    expire_time: u64,
    mvpd: Option<&'a str>,
    start_time: Option<u64>,
    is_used: bool,
}

#[derive(Serialize, Deserialize)]
struct KnownLoginV1<'a> {
    mvpd: &'a str,
    user_id: Option<&'a str>,
    kind: ProfileKindV1<'a>,
    issue_time: Option<u64>,
    expire_time: Option<u64>,
    standing: LoginStandingV1,
    seen_time: u64,
    code: Option<&'a str>,
    attributes: Option<([u8; 16], u64)>,
}

#[derive(Serialize, Deserialize)]
enum ProfileKindV1<'a> {
    Regular,
    Degraded,
    Temporary,
    AppleSso,
    PlatformSso,
    ServiceTokenSso,
    Other(&'a str),
}

#[derive(Serialize, Deserialize)]
enum LoginStandingV1 {
    Told,
    Begun,
    UsedUp,
}

#[derive(Serialize, Deserialize)]
struct KnownDecisionV1<'a> {
    resource: [u8; 16],
    mvpd: &'a str,
    expire_time: Option<u64>,
    media_token: Option<MediaTokenV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct MediaTokenV1<'a> {
    value: &'a str,
    start_time: Option<u64>,
    expire_time: Option<u64>,
}

/// The device that a code was issued for.
#[derive(Serialize, Deserialize)]
struct DeviceOfCodeV1<'a> {
    device_id: &'a str,
}

impl StoredFormat for DeviceOfCodeV1<'_> {
    const NAME: &'static str = "device_of_code";
    const VERSION: u8 = 1;
}

/// The requestor that a device last used.
#[derive(Serialize, Deserialize)]
struct RequestorOfDeviceV1<'a> {
    requestor: &'a str,
}

impl StoredFormat for RequestorOfDeviceV1<'_> {
    const NAME: &'static str = "requestor_of_device";
    const VERSION: u8 = 1;
}

/// Encodes a known device.
///
/// # Errors
/// If the record exceeds [`KNOWN_DEVICE_MAX`], which the limits of its fields prevent.
pub(crate) fn encode_known_device(device: &KnownDevice) -> Result<Vec<u8>, FormatError> {
    let bytes = encode(&KnownDeviceV1::from(device))?;
    check_length(&bytes)?;
    Ok(bytes)
}

/// Decodes a known device.
///
/// # Errors
/// If the bytes are not a valid device or exceed a limit.
pub(crate) fn decode_known_device(bytes: &[u8]) -> Result<KnownDevice, FormatError> {
    check_length(bytes)?;
    let stored: KnownDeviceV1<'_> = decode(bytes)?;
    let decisions = stored.decisions.len();
    if decisions > DECISIONS_MAX {
        return Err(FormatError::new(
            KnownDeviceV1::NAME,
            format!("{decisions} decisions exceed the limit of {DECISIONS_MAX}"),
        ));
    }
    stored.try_into().map_err(|violation| FormatError::invalid::<KnownDeviceV1<'_>>(&violation))
}

fn check_length(bytes: &[u8]) -> Result<(), FormatError> {
    match bytes.len() {
        length if length > KNOWN_DEVICE_MAX => {
            let reason = format!("{length} bytes exceed the limit of {KNOWN_DEVICE_MAX}");
            Err(FormatError::new(KnownDeviceV1::NAME, reason))
        }
        _ => Ok(()),
    }
}

/// Encodes the device of a code.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid id.
pub(crate) fn encode_device_of_code(device_id: &DeviceId) -> Result<Vec<u8>, FormatError> {
    encode(&DeviceOfCodeV1 { device_id: device_id.as_str() })
}

/// Decodes the device of a code.
///
/// # Errors
/// If the bytes are not a valid device id.
pub(crate) fn decode_device_of_code(bytes: &[u8]) -> Result<DeviceId, FormatError> {
    let DeviceOfCodeV1 { device_id } = decode(bytes)?;
    DeviceId::parse("device_id", device_id)
        .map_err(|violation| FormatError::invalid::<DeviceOfCodeV1<'_>>(&violation))
}

/// Encodes the requestor of a device.
///
/// # Errors
/// Only if serialization fails, which cannot happen for a valid id.
pub(crate) fn encode_requestor_of_device(requestor: &RequestorId) -> Result<Vec<u8>, FormatError> {
    encode(&RequestorOfDeviceV1 { requestor: requestor.as_str() })
}

/// Decodes the requestor of a device.
///
/// # Errors
/// If the bytes are not a valid requestor id.
pub(crate) fn decode_requestor_of_device(bytes: &[u8]) -> Result<RequestorId, FormatError> {
    let RequestorOfDeviceV1 { requestor } = decode(bytes)?;
    RequestorId::parse("requestor", requestor)
        .map_err(|violation| FormatError::invalid::<RequestorOfDeviceV1<'_>>(&violation))
}

fn millis(time: Option<Timestamp>) -> Option<u64> {
    time.map(Timestamp::as_millis)
}

fn time(millis: Option<u64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

fn mvpd(text: &str) -> Result<MvpdId, Violation> {
    MvpdId::parse("mvpd", text)
}

impl<'a> From<&'a KnownDevice> for KnownDeviceV1<'a> {
    fn from(device: &'a KnownDevice) -> Self {
        let KnownDevice { device_info, user_agent, temp_pass_identity, pending, login, decisions } = device;
        Self {
            device_info: device_info.as_deref(),
            user_agent,
            temp_pass_identity: temp_pass_identity.as_ref().map(SecretText::reveal),
            pending: pending.as_ref().map(Into::into),
            login: login.as_ref().map(Into::into),
            decisions: decisions.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<KnownDeviceV1<'_>> for KnownDevice {
    type Error = Violation;

    fn try_from(stored: KnownDeviceV1<'_>) -> Result<Self, Violation> {
        Ok(Self {
            device_info: stored.device_info.map(str::to_owned),
            user_agent: stored.user_agent.to_owned(),
            temp_pass_identity: stored.temp_pass_identity.map(|identity| identity.to_owned().into()),
            pending: stored.pending.map(TryInto::try_into).transpose()?,
            login: stored.login.map(TryInto::try_into).transpose()?,
            decisions: stored.decisions.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> From<&'a PendingCode> for PendingCodeV1<'a> {
    fn from(pending: &'a PendingCode) -> Self {
        let PendingCode { code, expire_time, mvpd, start_time, is_used } = pending;
        Self {
            code: code.as_str(),
            expire_time: expire_time.as_millis(),
            mvpd: mvpd.as_ref().map(MvpdId::as_str),
            start_time: millis(*start_time),
            is_used: *is_used,
        }
    }
}

impl TryFrom<PendingCodeV1<'_>> for PendingCode {
    type Error = Violation;

    fn try_from(stored: PendingCodeV1<'_>) -> Result<Self, Violation> {
        Ok(Self {
            code: Code::from_canonical(stored.code),
            expire_time: Timestamp::from_millis(stored.expire_time),
            mvpd: stored.mvpd.map(mvpd).transpose()?,
            start_time: time(stored.start_time),
            is_used: stored.is_used,
        })
    }
}

impl<'a> From<&'a KnownLogin> for KnownLoginV1<'a> {
    fn from(login: &'a KnownLogin) -> Self {
        Self {
            mvpd: login.mvpd.as_str(),
            user_id: login.user_id.as_deref(),
            kind: (&login.kind).into(),
            issue_time: millis(login.issue_time),
            expire_time: millis(login.expire_time),
            standing: match login.standing {
                LoginStanding::Reported => LoginStandingV1::Told,
                LoginStanding::Begun => LoginStandingV1::Begun,
                LoginStanding::UsedUp => LoginStandingV1::UsedUp,
            },
            seen_time: login.seen_time.as_millis(),
            code: login.code.as_ref().map(Code::as_str),
            attributes: login.attributes.map(|(digest, since)| (digest, since.as_millis())),
        }
    }
}

impl TryFrom<KnownLoginV1<'_>> for KnownLogin {
    type Error = Violation;

    fn try_from(stored: KnownLoginV1<'_>) -> Result<Self, Violation> {
        Ok(Self {
            mvpd: mvpd(stored.mvpd)?,
            user_id: stored.user_id.map(str::to_owned),
            kind: stored.kind.into(),
            issue_time: time(stored.issue_time),
            expire_time: time(stored.expire_time),
            standing: match stored.standing {
                LoginStandingV1::Told => LoginStanding::Reported,
                LoginStandingV1::Begun => LoginStanding::Begun,
                LoginStandingV1::UsedUp => LoginStanding::UsedUp,
            },
            seen_time: Timestamp::from_millis(stored.seen_time),
            code: stored.code.map(Code::from_canonical),
            attributes: stored.attributes.map(|(digest, since)| (digest, Timestamp::from_millis(since))),
        })
    }
}

impl<'a> From<&'a ProfileKind> for ProfileKindV1<'a> {
    fn from(kind: &'a ProfileKind) -> Self {
        match kind {
            ProfileKind::Regular => Self::Regular,
            ProfileKind::Degraded => Self::Degraded,
            ProfileKind::Temporary => Self::Temporary,
            ProfileKind::AppleSso => Self::AppleSso,
            ProfileKind::PlatformSso => Self::PlatformSso,
            ProfileKind::ServiceTokenSso => Self::ServiceTokenSso,
            ProfileKind::Other(name) => Self::Other(name),
        }
    }
}

impl From<ProfileKindV1<'_>> for ProfileKind {
    fn from(stored: ProfileKindV1<'_>) -> Self {
        match stored {
            ProfileKindV1::Regular => Self::Regular,
            ProfileKindV1::Degraded => Self::Degraded,
            ProfileKindV1::Temporary => Self::Temporary,
            ProfileKindV1::AppleSso => Self::AppleSso,
            ProfileKindV1::PlatformSso => Self::PlatformSso,
            ProfileKindV1::ServiceTokenSso => Self::ServiceTokenSso,
            ProfileKindV1::Other(name) => Self::Other(name.to_owned()),
        }
    }
}

impl<'a> From<&'a KnownDecision> for KnownDecisionV1<'a> {
    fn from(decision: &'a KnownDecision) -> Self {
        let KnownDecision { resource, mvpd, expire_time, media_token } = decision;
        Self {
            resource: resource.0,
            mvpd: mvpd.as_str(),
            expire_time: millis(*expire_time),
            media_token: media_token.as_ref().map(|token| MediaTokenV1 {
                value: &token.value,
                start_time: millis(token.start_time),
                expire_time: millis(token.expire_time),
            }),
        }
    }
}

impl TryFrom<KnownDecisionV1<'_>> for KnownDecision {
    type Error = Violation;

    fn try_from(stored: KnownDecisionV1<'_>) -> Result<Self, Violation> {
        Ok(Self {
            resource: ResourceDigest(stored.resource),
            mvpd: mvpd(stored.mvpd)?,
            expire_time: time(stored.expire_time),
            media_token: stored.media_token.map(|token| MediaToken {
                value: token.value.to_owned(),
                start_time: time(token.start_time),
                expire_time: time(token.expire_time),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            device_info::{ENCODED_MAX, USER_AGENT_MAX},
            known_device::{KIND_NAME_MAX, MEDIA_TOKEN_MAX, USER_ID_MAX},
        },
        format::golden,
        store::conformance::sample,
    };

    fn device() -> KnownDevice {
        sample::known_device(Timestamp::from_millis(1_763_000_000_123))
    }

    #[test]
    fn the_format_of_a_known_device_is_pinned() {
        let encoded = encode_known_device(&device()).expect("encodes");
        let (name, version) = (KnownDeviceV1::NAME, KnownDeviceV1::VERSION);
        golden::check(name, version, &encoded, decode_known_device, &device());
        let empty = KnownDevice::default();
        let encoded = encode_known_device(&empty).expect("encodes");
        golden::check("known_device_empty", version, &encoded, decode_known_device, &empty);
    }

    #[test]
    fn the_formats_of_a_codes_device_and_a_devices_requestor_are_pinned() {
        let device_id = DeviceId::parse("device_id", "a device").expect("valid");
        let encoded = encode_device_of_code(&device_id).expect("encodes");
        let (name, version) = (DeviceOfCodeV1::NAME, DeviceOfCodeV1::VERSION);
        golden::check(name, version, &encoded, decode_device_of_code, &device_id);
        let requestor = RequestorId::parse("requestor", "REF").expect("valid");
        let encoded = encode_requestor_of_device(&requestor).expect("encodes");
        let (name, version) = (RequestorOfDeviceV1::NAME, RequestorOfDeviceV1::VERSION);
        golden::check(name, version, &encoded, decode_requestor_of_device, &requestor);
    }

    #[test]
    fn a_login_round_trips_with_every_kind_and_standing() {
        let kinds = [
            ProfileKind::Regular,
            ProfileKind::Degraded,
            ProfileKind::Temporary,
            ProfileKind::AppleSso,
            ProfileKind::PlatformSso,
            ProfileKind::ServiceTokenSso,
            ProfileKind::Other("newer".to_owned()),
        ];
        for (index, kind) in kinds.into_iter().enumerate() {
            for standing in [LoginStanding::Reported, LoginStanding::Begun, LoginStanding::UsedUp] {
                let mut device = device();
                let login =
                    device.login.take().map(|login| KnownLogin { kind: kind.clone(), standing, ..login });
                let device = KnownDevice { login, ..device };
                let encoded = encode_known_device(&device).expect("encodes");
                assert!(decode_known_device(&encoded).as_ref() == Ok(&device), "kind {index}, {standing:?}");
            }
        }
    }

    #[test]
    fn a_device_with_all_fields_at_their_limits_is_accepted_and_a_longer_one_is_rejected() {
        let mut device = device();
        device.device_info = Some("i".repeat(ENCODED_MAX));
        device.user_agent = "u".repeat(USER_AGENT_MAX);
        device.temp_pass_identity = Some("t".repeat(4_096).into());
        if let Some(login) = &mut device.login {
            login.user_id = Some("v".repeat(USER_ID_MAX));
            login.kind = ProfileKind::Other("k".repeat(KIND_NAME_MAX));
        }
        for number in 0..=DECISIONS_MAX {
            let mut decision = device.decisions[0].clone();
            decision.resource = ResourceDigest([u8::try_from(number).expect("few"); 16]);
            let value = "m".repeat(MEDIA_TOKEN_MAX);
            decision.media_token = Some(MediaToken { value, start_time: None, expire_time: None });
            device.keep_decision(decision);
        }
        let encoded = encode_known_device(&device).expect("encodes");
        assert!(encoded.len() < KNOWN_DEVICE_MAX / 2, "{} bytes", encoded.len());
        assert!(decode_known_device(&encoded).as_ref() == Ok(&device));

        device.decisions.push(device.decisions[0].clone());
        let encoded = encode_known_device(&device).expect("encodes");
        assert!(decode_known_device(&encoded).is_err(), "too many decisions");
        device.device_info = Some("i".repeat(KNOWN_DEVICE_MAX));
        assert!(encode_known_device(&device).is_err());
        assert!(decode_known_device(&encode(&KnownDeviceV1::from(&device)).expect("encodes")).is_err());
    }
}
