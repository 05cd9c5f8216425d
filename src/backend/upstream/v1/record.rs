//! A record as version 1 sends it, read generously.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    backend::upstream::{
        call::Answer,
        device,
        failure::unreadable,
        json::{end_of_life, id_of, moment, text},
    },
    domain::{
        clock::Timestamp,
        code::{Code, upstream_code},
        device_info::{ENCODED_MAX, NormalizedDeviceInfo, decode_base64},
        error::Result,
        id::{DeviceId, MvpdId},
        registration::{LegacyParameters, OAUTH2, SourceApplication},
    },
};

/// A record as the provider sends it.
pub(super) struct Record {
    pub id: Uuid,
    pub code: Code,
    pub mvpd: Option<MvpdId>,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
    pub device_id: Option<DeviceId>,
    pub device_info: Option<NormalizedDeviceInfo>,
    /// The text that this was read from, where it is not the one that we make of it.
    pub device_info_text: Option<String>,
    pub authorization_type: String,
    pub source_application: Option<SourceApplication>,
    pub legacy: LegacyParameters,
}

impl Record {
    pub(super) fn read(answer: &Answer, now: Timestamp) -> Result<Self> {
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| unreadable(answer, "its answer is not the JSON that was asked for"))?;
        let missing = |problem| unreadable(answer, problem);
        let id = text(&body, "id").ok_or_else(|| missing("its answer holds no id"))?;
        let code = text(&body, "code").ok_or_else(|| missing("its answer holds no code"))?;
        let expire_time = moment(&body, "expires")
            .ok_or_else(|| missing("its answer does not say when the code expires"))
            .and_then(|end| end_of_life(end, now).map_err(missing))?;
        let null = Value::Null;
        let info = body.get("info").unwrap_or(&null);
        let field = |key: &str| text(info, key).unwrap_or_default();
        let device_info_text = text(info, "deviceInfo").filter(|text| text.len() <= ENCODED_MAX);
        let device_info =
            device_info_text.as_deref().and_then(decoded).and_then(|json| device::normalized_from(&json));
        let ours = device_info.as_ref().map(NormalizedDeviceInfo::encode);
        Ok(Self {
            id: id_of(&id),
            code: upstream_code(&code).ok_or_else(|| missing("its answer's code is none"))?,
            mvpd: text(&body, "mvpd").and_then(|text| MvpdId::parse("mvpd", &text).ok()),
            create_time: moment(&body, "generated").unwrap_or(now),
            expire_time,
            device_id: text(info, "deviceId")
                .and_then(|text| DeviceId::parse("deviceId", &decoded(&text)?).ok()),
            device_info,
            device_info_text: device_info_text.filter(|theirs| ours.as_ref() != Some(theirs)),
            authorization_type: text(info, "authorizationType").unwrap_or_else(|| OAUTH2.to_owned()),
            source_application: info.get("sourceApplicationInformation").map(|application| {
                SourceApplication {
                    id: text(application, "id").unwrap_or_default(),
                    name: text(application, "name").unwrap_or_default(),
                    version: text(application, "version").unwrap_or_default(),
                }
            }),
            legacy: LegacyParameters {
                device_type: field("deviceType"),
                device_user: field("deviceUser"),
                app_id: field("appId"),
                app_version: field("appVersion"),
                registration_url: field("registrationURL"),
            },
        })
    }
}

fn decoded(base64: &str) -> Option<String> {
    String::from_utf8(decode_base64(base64).ok()?).ok()
}
