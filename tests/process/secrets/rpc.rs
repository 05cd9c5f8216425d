//! Every method of the descriptors, in every environment, by known and unknown callers, with valid and malformed messages.

use std::collections::BTreeSet;

use passbridge::proto::{
    FILE_DESCRIPTOR_SET,
    v1::{CreateRegistrationCodeRequest, registration_code_service_client::RegistrationCodeServiceClient},
};
use serde_json::json;
use tonic::Status;
use tonic_reflection::pb::{v1, v1alpha};
use uuid::Uuid;

use super::{
    message::{Contract, MARK, Method},
    scene::{ENVIRONMENTS, Scene},
};
use crate::support::{any_call::first_answer, caller::with_token, http, request};

/// The number of alternatives of the largest oneof: reflection requests.
const ALTERNATIVES: usize = 5;

/// The prefix of device addresses.
pub const NETWORK: &str = "198.18.";
/// The environment that supports logins, and its operator (MVPD).
const LOGINS: &str = "second";
const MVPD: &str = "Cablevision";
pub const VIEWER_IP: &str = "203.0.113.77";
pub const VIEWER: &str = "planted.viewer@example.com";
pub const GENERIC_KEY: &str = "5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f0c5e1f";
/// `{"model":"planted-model-text","osName":"Android"}`
pub const DEVICE_INFO: &str = "eyJtb2RlbCI6InBsYW50ZWQtbW9kZWwtdGV4dCIsIm9zTmFtZSI6IkFuZHJvaWQifQ==";

fn contract() -> Contract {
    Contract::of(&[
        FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        v1::FILE_DESCRIPTOR_SET,
        v1alpha::FILE_DESCRIPTOR_SET,
    ])
}

/// Calls every method of the environments with an upstream once, with any response.
pub async fn call_upstreams(scene: &mut Scene, round: usize) {
    let (contract, token) = (contract(), scene.jwt.clone());
    for (environment, _) in &ENVIRONMENTS[1..] {
        for (index, method) in contract.methods.iter().enumerate() {
            let number = 40_000 + u32::try_from(round * 1_000 + index).expect("fits");
            let fields = |name: &str| value(name, environment, "BCDFGHJ", number);
            let message = contract.request(method, 0, &fields);
            call(scene, method, Some(&token), message).await;
        }
    }
}

/// Calls every method.
pub async fn call_everything(scene: &mut Scene) {
    scene.secrets.add("a viewer's address", VIEWER);
    scene.personal.add("a generic key", GENERIC_KEY);
    let contract = contract();
    let tokens = scene.caller_tokens();
    let (mut answered, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let mut number = 0_u32;
    for (environment, _) in ENVIRONMENTS {
        for method in &contract.methods {
            for token in &tokens {
                for alternative in 0..ALTERNATIVES {
                    number += 1;
                    let code = code(scene, environment, number).await;
                    let is_about_logins = method.path.contains("EntitlementService");
                    if is_about_logins && environment == LOGINS {
                        log_in(scene).await;
                    }
                    let fields = |name: &str| match name {
                        "mvpd_id" if is_about_logins => MVPD.to_owned(),
                        _ => value(name, environment, &code, number),
                    };
                    let message = contract.request(method, alternative, &fields);
                    let outcome = call(scene, method, token.as_deref(), message).await;
                    (if outcome { &mut answered } else { &mut refused }).insert(method.path.clone());
                }
            }
            let garbage = format!("\u{7f}{MARK}garbage {VIEWER}").into_bytes();
            call(scene, method, tokens[0].as_deref(), garbage).await;
            // A request without specific content.
            if call(scene, method, tokens[0].as_deref(), Vec::new()).await {
                answered.insert(method.path.clone());
            }
        }
    }
    for method in &contract.methods {
        assert!(
            answered.contains(&method.path),
            "{} never succeeded: give its fields valid values",
            method.path
        );
        let is_open = method.path.starts_with("/grpc.health.v1.Health/Watch");
        assert!(is_open || refused.contains(&method.path), "{} was never refused", method.path);
    }
}

/// Logs a viewer in on the device of all requests.
async fn log_in(scene: &Scene) {
    let login = json!({
        "service_provider": "REF",
        "device_id": value("device_id", LOGINS, "", 0),
        "mvpd": MVPD,
        "attributes": { "householdID": format!("{MARK}household") },
    });
    let request = http::call(scene.provider.address(), "POST", "/mock/profiles").body(login.to_string());
    assert!(request.send().await.status.is_success());
}

/// Creates a code to look up, if the environment allows it.
async fn code(scene: &mut Scene, environment: &str, number: u32) -> String {
    let request = CreateRegistrationCodeRequest {
        environment: environment.to_owned(),
        device_id: Some(format!("{MARK}device_id-{number}")),
        device_ip: address(number),
        ..request::create()
    };
    let mut codes = RegistrationCodeServiceClient::new(scene.channel());
    let jwt = scene.jwt.clone();
    let created = codes.create_registration_code(with_token(&jwt, request)).await.expect("creates");
    let code = created.into_inner().registration_code.expect("has one").code;
    scene.personal.add("a code", &code);
    code
}

/// Calls a method and returns whether it succeeded.
async fn call(scene: &mut Scene, method: &Method, token: Option<&str>, message: Vec<u8>) -> bool {
    let answer = first_answer(scene.channel(), &method.path, token, message).await;
    match &answer {
        Ok(bytes) => scene.answers.extend_from_slice(bytes),
        Err(status) => scene.answers.extend(status_bytes(status)),
    }
    answer.is_ok()
}

fn status_bytes(status: &Status) -> Vec<u8> {
    let metadata = format!("{:?}", status.metadata());
    [status.message().as_bytes(), status.details(), metadata.as_bytes()].join(&b'\n')
}

/// Returns a new device address each time, because the provider limits each address to one call a second.
pub fn address(number: u32) -> String {
    format!("{NETWORK}{}.{}", number / 250 % 256, number % 250 + 1)
}

/// A value for a field.
fn value(name: &str, environment: &str, code: &str, number: u32) -> String {
    match name {
        "requestor_id" => "REF".to_owned(),
        "mvpd_id" => "TempPassREF".to_owned(),
        "environment" => environment.to_owned(),
        "code" => code.to_owned(),
        "id" | "request_id" => Uuid::from_u128(number.into()).to_string(),
        "device_ip" => address(number),
        "viewer_ip" => VIEWER_IP.to_owned(),
        "user_identifier" | "value" => VIEWER.to_owned(),
        "generic_key" => GENERIC_KEY.to_owned(),
        "x_device_info" => DEVICE_INFO.to_owned(),
        "domain_name" => "example.com".to_owned(),
        "redirect_url" | "registration_url" => format!("https://{MARK}{name}.example.com/"),
        _ => format!("{MARK}{name}-text"),
    }
}
