//! Lenient reading of a version 1 record.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    backend::upstream::{
        call::ProviderResponse,
        device,
        failure::unreadable,
        json::{code_expiry, id_of, moment, text, text_up_to},
    },
    domain::{
        clock::Timestamp,
        code::{Code, upstream_code},
        device_info::{ENCODED_MAX, NormalizedDeviceInfo, decode_base64},
        error::Result,
        id::{DeviceId, MvpdId},
        registration_code::{
            LEGACY_MAX, LegacyParameters, OAUTH2, REGISTRATION_URL_MAX, SOURCE_APPLICATION_MAX,
            SourceApplication,
        },
    },
};

/// The maximum length of an authorization type, in bytes.
const AUTHORIZATION_TYPE_MAX: usize = 64;

/// A record of the provider. A text that exceeds our length limit is treated as missing.
pub(super) struct ProviderRecord {
    pub id: Uuid,
    pub code: Code,
    pub mvpd: Option<MvpdId>,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
    pub device_id: Option<DeviceId>,
    pub device_info: Option<NormalizedDeviceInfo>,
    /// The original text of `device_info`, if it differs from our encoding of it.
    pub device_info_text: Option<String>,
    pub authorization_type: String,
    pub source_application: Option<SourceApplication>,
    pub legacy: LegacyParameters,
}

impl ProviderRecord {
    pub(super) fn read(answer: &ProviderResponse, now: Timestamp) -> Result<Self> {
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| unreadable(answer, "its response is not the expected JSON"))?;
        let missing = |problem| unreadable(answer, problem);
        let id = text(&body, "id").ok_or_else(|| missing("its response has no id"))?;
        let code = text(&body, "code").ok_or_else(|| missing("its response has no code"))?;
        let expire_time = moment(&body, "expires")
            .ok_or_else(|| missing("its response has no expiry"))
            .and_then(|end| code_expiry(end, now).map_err(missing))?;
        let null = Value::Null;
        let info = body.get("info").unwrap_or(&null);
        let legacy = |key: &str| text_up_to(info, key, LEGACY_MAX).unwrap_or_default();
        let device_info_text = text_up_to(info, "deviceInfo", ENCODED_MAX);
        let device_info =
            device_info_text.as_deref().and_then(decoded).and_then(|json| device::normalized_from(&json));
        let ours = device_info.as_ref().map(NormalizedDeviceInfo::encode);
        Ok(Self {
            id: id_of(&id),
            code: upstream_code(&code).ok_or_else(|| missing("its response has an invalid code"))?,
            mvpd: text(&body, "mvpd").and_then(|text| MvpdId::parse("mvpd", &text).ok()),
            create_time: moment(&body, "generated").unwrap_or(now),
            expire_time,
            device_id: text(info, "deviceId")
                .and_then(|text| DeviceId::parse("deviceId", &decoded(&text)?).ok()),
            device_info,
            device_info_text: device_info_text.filter(|theirs| ours.as_ref() != Some(theirs)),
            authorization_type: text_up_to(info, "authorizationType", AUTHORIZATION_TYPE_MAX)
                .unwrap_or_else(|| OAUTH2.to_owned()),
            source_application: info.get("sourceApplicationInformation").map(source_application),
            legacy: LegacyParameters {
                device_type: legacy("deviceType"),
                device_user: legacy("deviceUser"),
                app_id: legacy("appId"),
                app_version: legacy("appVersion"),
                registration_url: text_up_to(info, "registrationURL", REGISTRATION_URL_MAX)
                    .unwrap_or_default(),
            },
        })
    }
}

fn source_application(application: &Value) -> SourceApplication {
    let field = |key: &str| text_up_to(application, key, SOURCE_APPLICATION_MAX).unwrap_or_default();
    SourceApplication { id: field("id"), name: field("name"), version: field("version") }
}

fn decoded(base64: &str) -> Option<String> {
    String::from_utf8(decode_base64(base64).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_oversized_text_of_a_record_is_treated_as_missing() {
        let read = |more: usize| {
            let text = |longest: usize| "x".repeat(longest + more);
            let application = text(SOURCE_APPLICATION_MAX);
            let body = json!({
                "id": "the record", "code": "ABC", "expires": 2_000, "mvpd": text(128),
                "info": {
                    "deviceId": STANDARD.encode(text(2_048)),
                    "authorizationType": text(AUTHORIZATION_TYPE_MAX),
                    "sourceApplicationInformation": {
                        "id": application, "name": application, "version": application,
                    },
                    "deviceType": text(LEGACY_MAX), "deviceUser": text(LEGACY_MAX), "appId": text(LEGACY_MAX),
                    "appVersion": text(LEGACY_MAX), "registrationURL": text(REGISTRATION_URL_MAX),
                },
            });
            let body = body.to_string().into();
            let answer = ProviderResponse { status: StatusCode::OK, headers: HeaderMap::new(), body };
            ProviderRecord::read(&answer, Timestamp::from_millis(1_000))
                .expect("reads a record with oversized texts")
        };
        let lengths = |record: ProviderRecord| {
            let SourceApplication { id, name, version } = record.source_application.expect("is there");
            let LegacyParameters { device_type, device_user, app_id, app_version, registration_url } =
                record.legacy;
            let texts = [
                record.mvpd.map(|mvpd| mvpd.to_string()).unwrap_or_default(),
                record.device_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
                record.authorization_type,
                id,
                name,
                version,
                device_type,
                device_user,
                app_id,
                app_version,
                registration_url,
            ];
            texts.map(|text| text.len())
        };
        assert_eq!(lengths(read(0)), [128, 2_048, 64, 256, 256, 256, 512, 512, 512, 512, 2_048]);
        assert_eq!(lengths(read(1)), [0, 0, OAUTH2.len(), 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
