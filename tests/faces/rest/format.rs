//! JSON and XML: how a client chooses, and that both have the same content.

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

use crate::support::{
    http::Answer,
    rest::{DEVICE_INFO, Device},
    test_server::TestServer,
};

const JSON: &str = "application/json";
const XML: &str = "application/xml";

async fn create(device: &Device<'_>, extension: &str, parameters: &str, accept: Option<&str>) -> Answer {
    let path = format!("/reggie/v1/REF/regcode{extension}?deviceId=device{parameters}");
    let call = device.call("POST", &path).header("x-device-info", DEVICE_INFO);
    match accept {
        Some(accept) => call.header("accept", accept).send().await,
        None => call.send().await,
    }
}

#[tokio::test]
async fn the_extension_precedes_the_parameter_which_precedes_the_header() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for (extension, parameters, accept, expected) in [
        ("", "", None, XML),
        ("", "", Some("*/*"), XML),
        ("", "", Some("image/png, */*"), XML),
        ("", "", Some(JSON), JSON),
        ("", "", Some(XML), XML),
        ("", "&format=json", Some(XML), JSON),
        ("", "&format=XML", Some(JSON), XML),
        (".json", "&format=xml", Some(XML), JSON),
        (".xml", "&format=json", Some(JSON), XML),
        (".json", "", Some("image/png"), JSON),
    ] {
        let answer = create(&device, extension, parameters, accept).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.header("content-type"), expected, "{extension} {parameters} {accept:?}");
        server.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn the_format_may_be_in_the_form_and_applies_to_errors() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let path = "/reggie/v1/REF/regcode";
    let answer =
        device.call("POST", path).form(format!("format=json&deviceId=device&device_info={DEVICE_INFO}"));
    answer.send().await.json(201);
    device.call("POST", path).form("format=json").send().await.error(400);
    let unauthenticated = device.call("POST", path).form("format=json").header("authorization", "x");
    unauthenticated.send().await.error(401);
}

#[tokio::test]
async fn an_extension_may_follow_a_code() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let code = device.created().await;
    let path = |extension| format!("/reggie/v1/REF/regcode/{code}{extension}");
    device.call("GET", &path(".json")).header("accept", XML).send().await.json(200);
    device.call("GET", &path(".xml")).header("accept", JSON).send().await.xml(200);
    device.call("GET", &path("")).send().await.xml(200);
    device.call("GET", &path("")).header("accept", JSON).send().await.json(200);
    device.call("DELETE", "/reggie/v1/REF/regcode/BCDFGHJ.json").send().await.error(404);
}

#[tokio::test]
async fn the_default_format_is_configurable() {
    let server = TestServer::configured(|config| {
        config.rest.default_format = passbridge::config::ResponseFormat::Json
    });
    let device = Device::of(&server).await;
    create(&device, "", "", None).await.json(201);
    create(&device, "", "", Some(XML)).await.xml(201);
}

#[tokio::test]
async fn a_client_that_accepts_neither_format_gets_406_and_no_code() {
    let server = TestServer::configured(|config| config.codes.max_live_codes = 1);
    let device = Device::of(&server).await;
    let refused = create(&device, "", "", Some("image/png")).await;
    assert!(refused.xml(406).contains("<status>406</status>"), "{refused:?}");
    create(&device, "", "&format=yaml", Some(JSON)).await.error(400);
    let code =
        create(&device, "", "", Some(JSON)).await.json(201)["code"].as_str().expect("a code").to_owned();
    let path = format!("/reggie/v1/REF/regcode/{code}");
    let deleted = device.call("DELETE", &path).header("accept", "text/html").send().await;
    assert_eq!(deleted.status, 204, "a delete has no body in any format");
    create(&device, "", "", Some(JSON)).await.json(201);
}

/// Converts an XML document to the JSON equivalent: an object of objects and texts.
fn elements(xml: &str) -> Value {
    let mut reader = Reader::from_str(xml);
    let mut stack = vec![(String::new(), Map::new(), String::new())];
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => {
                stack.push((start.name().as_ref().to_owned(), Map::new(), String::new()));
            }
            Event::Empty(empty) => {
                let name = empty.name().as_ref().to_owned();
                stack.last_mut().expect("inside").1.insert(name, Value::String(String::new()));
            }
            Event::Text(text) => stack.last_mut().expect("inside").2.push_str(&text),
            Event::GeneralRef(name) => {
                let text = match &*name {
                    "lt" => "<",
                    "gt" => ">",
                    "amp" => "&",
                    "quot" => "\"",
                    "apos" => "'",
                    other => panic!("&{other};"),
                };
                stack.last_mut().expect("inside").2.push_str(text);
            }
            Event::End(_) => {
                let (name, children, text) = stack.pop().expect("was opened");
                let value = if children.is_empty() { Value::String(text) } else { Value::Object(children) };
                stack.last_mut().expect("has a parent").1.insert(name, value);
            }
            Event::Eof => return Value::Object(stack.pop().expect("the document").1),
            _ => {}
        }
    }
}

/// Converts every value to text, since XML has no other type.
fn texts(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), texts(value))).collect(),
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    }
}

#[tokio::test]
async fn both_formats_of_a_record_have_the_same_content() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let special = "&mvpd=m&deviceType=%3Cxbox%3E&deviceUser=J%26D&appId=%22a%22&appVersion=%C3%A4%27&registrationURL=http://x/?a=b";
    let json = create(&device, ".json", special, None).await.json(201);
    let code = json["code"].as_str().expect("a code");
    let xml = device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.xml")).send().await;
    assert_eq!(elements(xml.xml(200))["ns2:regcode"], texts(&json));
    assert_eq!(json["info"]["deviceType"], "<xbox>");
    assert_eq!(json["info"]["appVersion"], "ä'");
}
