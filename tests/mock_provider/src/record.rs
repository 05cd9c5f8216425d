//! The record of a registration code and the error, in both formats (reference, section 2).

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    answer::Answer,
    call::Call,
    code::Code,
    device::Device,
    format::Format,
    xml::{element, parent, root},
};

/// The stored record of a registration code.
#[derive(Debug)]
pub(crate) struct Record {
    pub id: Uuid,
    pub code: Code,
    pub requestor: String,
    /// The operator, if it was sent.
    pub mvpd: Option<String>,
    /// The creation time.
    pub generated: i64,
    pub expires: i64,
    /// The device id as sent.
    pub device_id: String,
    pub device: Device,
    /// The sent deprecated parameters.
    pub deprecated: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: Uuid,
    code: Code,
    requestor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvpd: Option<&'a str>,
    generated: i64,
    expires: i64,
    info: Info<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    device_id: String,
    device_info: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_user_agent: Option<&'a str>,
    authorization_type: &'static str,
    source_application_information: Application,
    #[serde(flatten)]
    deprecated: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct Application {
    id: &'static str,
    name: &'static str,
    version: &'static str,
}

/// A struct, since a map would not keep the documented order.
#[derive(Serialize)]
struct ErrorBody<'a> {
    status: u16,
    message: &'a str,
}

const APPLICATION: Application =
    Application { id: "mock-application-id", name: "mock application", version: "1.0.0" };

impl Record {
    /// The record in the requested format.
    pub(crate) fn answer(&self, call: &Call, status: StatusCode) -> Answer {
        match Format::of(call) {
            Format::Json => Answer::json(status, &self.shown()),
            Format::Xml => xml(status, self.shown().to_xml()),
        }
    }

    fn shown(&self) -> Shown<'_> {
        let user_agent = self.device.user_agent.as_deref();
        Shown {
            id: self.id,
            code: self.code,
            requestor: &self.requestor,
            mvpd: self.mvpd.as_deref(),
            generated: self.generated,
            expires: self.expires,
            info: Info {
                device_id: BASE64_STANDARD.encode(&self.device_id),
                device_info: self.device.encode(),
                user_agent,
                original_user_agent: user_agent,
                authorization_type: "OAUTH2",
                source_application_information: APPLICATION,
                deprecated: self.deprecated.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            },
        }
    }
}

/// The documented error.
pub(crate) fn error(call: &Call, status: StatusCode, message: &str) -> Answer {
    let code = status.as_u16();
    match Format::of(call) {
        Format::Json => Answer::json(status, &ErrorBody { status: code, message }),
        Format::Xml => {
            let children = element("status", code) + &element("message", message);
            xml(status, root("error", "rest.pass.adobe.com", &children))
        }
    }
}

/// The error about a missing parameter.
pub(crate) fn missing(call: &Call, name: &str) -> Answer {
    error(call, StatusCode::BAD_REQUEST, &format!("Required '{name}' is not present"))
}

impl Shown<'_> {
    fn to_xml(&self) -> String {
        let mut children = element("id", self.id) + &element("code", self.code.as_str());
        children += &element("requestor", self.requestor);
        children += &self.mvpd.map(|mvpd| element("mvpd", mvpd)).unwrap_or_default();
        children += &(element("generated", self.generated) + &element("expires", self.expires));
        children += &parent("info", &self.info.to_xml());
        root("regcode", "model.mvc.reggie.pass.adobe.com", &children)
    }
}

impl Info<'_> {
    fn to_xml(&self) -> String {
        let mut children = element("deviceId", &self.device_id) + &element("deviceInfo", &self.device_info);
        if let Some(user_agent) = self.user_agent {
            children += &(element("userAgent", user_agent) + &element("originalUserAgent", user_agent));
        }
        children += &element("authorizationType", self.authorization_type);
        let Application { id, name, version } = &self.source_application_information;
        let application = element("id", id) + &element("name", name) + &element("version", version);
        children += &parent("sourceApplicationInformation", &application);
        children.extend(self.deprecated.iter().map(|(name, value)| element(name, value)));
        children
    }
}

fn xml(status: StatusCode, body: String) -> Answer {
    Answer::new(status, "application/xml", body)
}
