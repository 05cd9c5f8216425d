//! `config/{requestor}`: the operators of a requestor, for a picker.
//!
//! The documents show no complete response. This one has what deployed parsers read (reference of the device flow,
//! section 1.1).

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, VARY},
};
use serde_json::{Map, Value, json};

use super::{Endpoint, FlowFailure, answer, document::with_body, xml};
use crate::{
    config::ResponseFormat,
    domain::{
        entitlement::{Mvpd, PlatformSso, RequestorConfiguration},
        error::{Error, Violation},
    },
    rest::{RestFace, format::split_extension},
};

/// The logo of an operator without one: a transparent pixel, because a deployed parser drops the whole list for an empty logo.
const NO_LOGO: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// The device type in the response if the request has none.
const UNKNOWN: &str = "unknown";

/// How long clients may cache the list: as long as passbridge caches it.
const CACHE_FOR: HeaderValue = HeaderValue::from_static("max-age=120");

/// `GET /api/v1/config/{requestor}`, `GET /adobe-services/config/{requestor}`
pub(super) async fn config(
    State(face): State<RestFace>,
    requestor: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // Clients of the older path read XML, whatever the extension.
    let is_older = request.uri().path().starts_with("/adobe-services/");
    answer(face, request, Endpoint::Config, async |flow, mut violations| {
        let Path(requestor) =
            requestor.map_err(|_| Error::InvalidFields(vec![Violation::new("", "the path is not UTF-8")]))?;
        let (requestor, _) = split_extension(&requestor);
        let device_type = flow.parameters.filled("deviceType", &mut violations).unwrap_or(UNKNOWN);
        let place = flow.place_of("requestor", requestor, &mut violations);
        let place = flow.valid(place, violations).await?;
        let configuration = flow.face.entitlement.configuration(&flow.identity.caller, &place).await?;
        let (format, body) = match flow.format {
            ResponseFormat::Json if !is_older => {
                let body = serde_json::to_vec(&in_json(&configuration, device_type));
                (ResponseFormat::Json, body.map_err(|error| Error::Internal(error.to_string()))?)
            }
            ResponseFormat::Json | ResponseFormat::Xml => {
                (ResponseFormat::Xml, in_xml(&configuration, device_type))
            }
        };
        let mut response = with_body(StatusCode::OK, format, body);
        response.headers_mut().insert(CACHE_CONTROL, CACHE_FOR);
        response.headers_mut().insert(VARY, ACCEPT.into());
        Ok::<_, FlowFailure>(response)
    })
    .await
}

/// Renders JSON. The id is an object, as in a mechanical conversion of the XML. That is known only of the id.
fn in_json(configuration: &RequestorConfiguration, device_type: &str) -> Map<String, Value> {
    content(configuration, device_type, |id| json!({ "value": id }))
}

fn in_xml(configuration: &RequestorConfiguration, device_type: &str) -> Vec<u8> {
    xml::of_json("config", &content(configuration, device_type, |id| id.into()))
}

/// Returns the content of both formats. A deployed parser reads the client's properties, of which only the device type
/// is known.
fn content(
    configuration: &RequestorConfiguration,
    device_type: &str,
    id: impl Fn(&str) -> Value,
) -> Map<String, Value> {
    let mvpds: Vec<_> =
        configuration.mvpds.iter().map(|mvpd| Value::Object(fields(mvpd, id(mvpd.id.as_str())))).collect();
    let requestor = json!({
        "id": configuration.id, "name": name(configuration),
        "domains": { "domain": configuration.domains }, "mvpds": { "mvpd": mvpds },
    });
    let fields = [
        ("device", Value::from(device_type)),
        ("clientType", UNKNOWN.into()),
        ("os", UNKNOWN.into()),
        ("requestor", requestor),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn name(configuration: &RequestorConfiguration) -> &str {
    if configuration.name.is_empty() { &configuration.id } else { &configuration.name }
}

/// Returns an operator's fields for a picker, in the documented order. Fields that version 2 lacks have the documented
/// defaults.
fn fields(mvpd: &Mvpd, id: Value) -> Map<String, Value> {
    let logo = if mvpd.logo_url.is_empty() { NO_LOGO } else { &mvpd.logo_url };
    let PlatformSso { is_enabled, boarding_status, in_picker, mapping_id, .. } = &mvpd.platform_sso;
    let fields = [
        ("id", Some(id)),
        ("displayName", Some(json!(mvpd.display_name))),
        ("logoUrl", Some(json!(logo))),
        ("passiveAuthnEnabled", Some(json!(mvpd.passive_authn_enabled))),
        ("authPerAggregator", Some(json!(mvpd.auth_per_aggregator))),
        ("authPerBrowserSession", Some(json!(mvpd.auth_per_browser_session))),
        ("foregroundLogout", Some(json!(false))),
        ("isProxy", Some(json!(mvpd.is_proxy))),
        ("isTempPass", Some(json!(mvpd.is_temp_pass))),
        ("iFrameRequired", Some(json!(false))),
        ("enablePlatformServices", is_enabled.map(Value::from)),
        ("boardingStatus", boarding_status.as_ref().map(|text| json!(text))),
        ("displayInPlatformPicker", in_picker.map(Value::from)),
        ("platformMappingId", mapping_id.as_ref().map(|text| json!(text))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MvpdId;

    fn configuration() -> RequestorConfiguration {
        let mvpd = |id: &str, logo: &str| Mvpd {
            id: MvpdId::parse("mvpd", id).expect("valid"),
            display_name: format!("{id} & Sons"),
            logo_url: logo.to_owned(),
            is_temp_pass: false,
            is_proxy: false,
            auth_per_aggregator: true,
            passive_authn_enabled: true,
            auth_per_browser_session: false,
            platform_sso: PlatformSso { is_enabled: Some(true), ..PlatformSso::default() },
        };
        RequestorConfiguration {
            id: "REF".to_owned(),
            name: String::new(),
            domains: vec!["example.com".to_owned()],
            mvpds: vec![mvpd("Cable", "https://example.com/logo.png"), mvpd("Other", "")],
        }
    }

    #[test]
    fn the_xml_is_compact_and_has_a_logo_for_each_operator() {
        let text = String::from_utf8(in_xml(&configuration(), "roku")).expect("UTF-8");
        let flags = "<passiveAuthnEnabled>true</passiveAuthnEnabled><authPerAggregator>true</authPerAggregator>\
                     <authPerBrowserSession>false</authPerBrowserSession><foregroundLogout>false</foregroundLogout>\
                     <isProxy>false</isProxy><isTempPass>false</isTempPass><iFrameRequired>false</iFrameRequired>\
                     <enablePlatformServices>true</enablePlatformServices>";
        let mvpd = |id: &str, logo: &str| {
            format!(
                "<mvpd><id>{id}</id><displayName>{id} &amp; Sons</displayName><logoUrl>{logo}</logoUrl>{flags}</mvpd>"
            )
        };
        let mvpds = [mvpd("Cable", "https://example.com/logo.png"), mvpd("Other", NO_LOGO)].concat();
        let expected = format!(
            "<config><device>roku</device><clientType>unknown</clientType><os>unknown</os><requestor><id>REF</id><name>REF</name><domains><domain>example.com</domain></domains>\
             <mvpds>{mvpds}</mvpds></requestor></config>"
        );
        assert!(text.ends_with(&expected), "{text}");
    }

    #[test]
    fn json_has_a_list_of_operators_whose_id_is_an_object() {
        let document = Value::Object(in_json(&configuration(), UNKNOWN));
        let mvpd = &document["requestor"]["mvpds"]["mvpd"][0];
        assert_eq!(mvpd["id"]["value"], "Cable");
        assert_eq!(mvpd["displayName"], "Cable & Sons");
        assert_eq!(mvpd["authPerAggregator"], true);
        assert_eq!(document["device"], "unknown");
    }
}
