//! A record as version 1 sends it, read generously.

use base64::{Engine, prelude::BASE64_STANDARD};
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
        device_info::NormalizedDeviceInfo,
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
    pub authorization_type: String,
    pub source_application: Option<SourceApplication>,
    pub legacy: LegacyParameters,
}

impl Record {
    pub fn read(answer: &Answer, now: Timestamp) -> Result<Self> {
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
        Ok(Self {
            id: id_of(&id),
            code: upstream_code(&code).ok_or_else(|| missing("its answer's code is none"))?,
            mvpd: text(&body, "mvpd").and_then(|text| MvpdId::parse("mvpd", &text).ok()),
            create_time: moment(&body, "generated").unwrap_or(now),
            expire_time,
            device_id: decoded(info, "deviceId").and_then(|text| DeviceId::parse("deviceId", &text).ok()),
            device_info: decoded(info, "deviceInfo").and_then(|text| device::normalized_from(&text)),
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

fn decoded(object: &Value, key: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(object.get(key)?.as_str()?).ok()?).ok()
}
