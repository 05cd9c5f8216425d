//! Rendering of a record in JSON and XML (reference, section 2), with the fields in the documented order.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use uuid::Uuid;

use super::entitlement::xml;
use crate::{
    config::ResponseFormat,
    domain::{
        error::Error,
        registration_code::{RegistrationCode, SourceApplication},
    },
};

pub(super) const XML_DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

/// The XML namespaces of records and errors.
const RECORD_NAMESPACE: &str = "model.mvc.reggie.pass.adobe.com";
const ERROR_NAMESPACE: &str = "rest.pass.adobe.com";

#[derive(Debug, Serialize)]
struct RecordBody<'a> {
    id: Uuid,
    code: &'a str,
    requestor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvpd: Option<&'a str>,
    generated: u64,
    expires: u64,
    info: RecordInfo<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordInfo<'a> {
    device_id: String,
    device_info: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    authorization_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_application_information: Option<&'a SourceApplication>,
    #[serde(skip_serializing_if = "str::is_empty")]
    device_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    device_user: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    app_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    app_version: &'a str,
    #[serde(rename = "registrationURL", skip_serializing_if = "str::is_empty")]
    registration_url: &'a str,
}

/// The documented error.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The error message.
    pub message: &'a str,
}

/// The root of an XML document. It is in a namespace, its children are not.
#[derive(Serialize)]
struct XmlRoot<'a, T> {
    #[serde(rename = "@xmlns:ns2")]
    namespace: &'a str,
    #[serde(flatten)]
    content: &'a T,
}

/// Renders the record.
pub(super) fn render(registration: &RegistrationCode, format: ResponseFormat) -> Result<Vec<u8>, Error> {
    let legacy = &registration.legacy;
    let browser = &registration.device_info.browser;
    let record = RecordBody {
        id: registration.id,
        code: registration.code.as_str(),
        requestor: registration.requestor.as_str(),
        mvpd: registration.mvpd.as_ref().map(|mvpd| mvpd.as_str()),
        generated: registration.create_time.as_millis(),
        expires: registration.expire_time.as_millis(),
        info: RecordInfo {
            device_id: BASE64_STANDARD.encode(registration.device_id.as_str()),
            device_info: registration.encoded_device_info(),
            user_agent: browser.user_agent.as_deref(),
            original_user_agent: browser.original_user_agent.as_deref(),
            authorization_type: &registration.authorization_type,
            source_application_information: registration.source_application.as_ref(),
            device_type: &legacy.device_type,
            device_user: &legacy.device_user,
            app_id: &legacy.app_id,
            app_version: &legacy.app_version,
            registration_url: &legacy.registration_url,
        },
    };
    match format {
        ResponseFormat::Json => json(&record),
        ResponseFormat::Xml => in_namespace("ns2:regcode", RECORD_NAMESPACE, &record),
    }
}

/// Renders the documented error.
pub(super) fn render_error(
    error: &ErrorBody<'_>,
    format: ResponseFormat,
    is_plain: bool,
) -> Result<Vec<u8>, Error> {
    match format {
        ResponseFormat::Json => json(error),
        ResponseFormat::Xml if is_plain => xml::document("error", error),
        ResponseFormat::Xml => in_namespace("ns2:error", ERROR_NAMESPACE, error),
    }
}

/// The approximate size of a record, allocated at once to avoid copies while the buffer grows.
const RECORD_BYTES: usize = 4096;

fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(RECORD_BYTES);
    serde_json::to_writer(&mut body, value).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(body)
}

fn in_namespace(root: &str, namespace: &str, content: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut text = String::with_capacity(RECORD_BYTES);
    text.push_str(XML_DECLARATION);
    let serializer = quick_xml::se::Serializer::with_root(&mut text, Some(root));
    serializer
        .and_then(|serializer| XmlRoot { namespace, content }.serialize(serializer))
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(only_xml(text).into_bytes())
}

/// Replaces characters that XML does not allow with U+FFFD.
pub(super) fn only_xml(text: String) -> String {
    // Fast path: only forbidden characters and a few others have these bytes.
    if !text.bytes().any(|byte| byte < b' ' || byte == LEAD_OF_NONCHARACTERS) {
        return text;
    }
    text.chars().map(|character| if is_xml(character) { character } else { '\u{fffd}' }).collect()
}

/// The first byte of U+FFFE and U+FFFF in UTF-8.
const LEAD_OF_NONCHARACTERS: u8 = 0xef;

/// Reports whether XML allows the character (XML 1.0, section 2.2).
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_documented_form_in_both_formats() {
        let error = ErrorBody { status: 400, message: "Required 'deviceId' is not present" };
        let text =
            |format| String::from_utf8(render_error(&error, format, false).expect("renders")).expect("UTF-8");
        assert_eq!(
            text(ResponseFormat::Json),
            r#"{"status":400,"message":"Required 'deviceId' is not present"}"#
        );
        assert_eq!(
            text(ResponseFormat::Xml),
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <ns2:error xmlns:ns2=\"rest.pass.adobe.com\"><status>400</status>\
             <message>Required 'deviceId' is not present</message></ns2:error>"
        );
    }

    #[test]
    fn characters_that_xml_forbids_are_replaced() {
        let error = ErrorBody { status: 400, message: "a\u{1}b\u{ffff}<&>" };
        let text = String::from_utf8(render_error(&error, ResponseFormat::Xml, false).expect("renders"))
            .expect("UTF-8");
        assert!(text.contains("<message>a\u{fffd}b\u{fffd}&lt;&amp;&gt;</message>"), "{text}");
    }
}
