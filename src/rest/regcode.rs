//! `/reggie/v1/{requestor}/regcode`: create, read and delete.

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::USER_AGENT};

use super::{
    RestFace, X_DEVICE_INFO,
    call::{CallerRequirement, RestCall, answer, respond},
    format::split_extension,
    identity::{application, authorization_type, is_older_than_device_information, record_nonce},
    parameters::Parameters,
    record::render,
};
use crate::{
    config::{DeviceIdRule, DeviceInfoRule},
    domain::{
        code::check_typed,
        device_info::{DeviceInfo, USER_AGENT_MAX, Warning},
        entitlement::{DeviceHints, HINT_MAX},
        error::{Error, Violation, Violations},
        id::{DUMMY_DEVICE_ID, DeviceId, MvpdId},
        registration_code::{LegacyParameters, RegistrationRequest, Ttl},
        secret::SecretText,
    },
    service::{authentication::Proof, policy::Place, registration::Lookup},
};

/// Headers of version 1 clients that are meant only for the provider. Version 2 has headers of the same names.
const AP_VISITOR_IDENTIFIER: &str = "ap-visitor-identifier";
const ADOBE_SUBJECT_TOKEN: &str = "adobe-subject-token";
const ROKU_CONNECT_TOKEN: &str = "x-roku-reserved-roku-connect-token";

/// The parameters of a path, if they are UTF-8.
type PathParameters<T> = Result<Path<T>, PathRejection>;

pub(super) async fn create(
    State(face): State<RestFace>,
    requestor: PathParameters<String>,
    request: Request,
) -> Response {
    respond(
        &face,
        request,
        CallerRequirement::Known,
        async |call, identity, parameters, mut violations, format| {
            let place = place(&face, call, requestor, parameters, &mut violations);
            let request = create_request(&face, call, parameters, &identity.proof, place, violations)?;
            let client = call.addresses.client;
            match &request.device_id {
                Some(device_id) => face.create_throttle.admit(client, device_id.as_str()).await?,
                // A server may create codes for many devices that have no id yet.
                None => face.create_throttle.admit(client, &call.addresses.device.to_string()).await?,
            }
            record_nonce(&face, identity, client).await?;
            let created = face.registration.create(&identity.caller, request, None).await?;
            Ok(answer(StatusCode::CREATED, format, render(&created.view.registration, format)?))
        },
    )
    .await
}

pub(super) async fn read(
    State(face): State<RestFace>,
    segments: PathParameters<(String, String)>,
    request: Request,
) -> Response {
    respond(
        &face,
        request,
        CallerRequirement::KnownOrSecondScreen,
        async |call, identity, parameters, violations, format| {
            let lookup = lookup(&face, call, segments, parameters, violations)?;
            record_nonce(&face, identity, call.addresses.client).await?;
            // The documented record cannot be partial.
            let view = face.registration.get_whole(&identity.caller, &lookup).await?;
            Ok(answer(StatusCode::OK, format, render(&view.registration, format)?))
        },
    )
    .await
}

pub(super) async fn delete(
    State(face): State<RestFace>,
    segments: PathParameters<(String, String)>,
    request: Request,
) -> Response {
    respond(&face, request, CallerRequirement::Known, async |call, identity, parameters, violations, _| {
        let lookup = lookup(&face, call, segments, parameters, violations)?;
        record_nonce(&face, identity, call.addresses.client).await?;
        face.registration.delete(&identity.caller, &lookup).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

fn create_request(
    face: &RestFace,
    call: &RestCall,
    parameters: &Parameters<'_>,
    proof: &Proof,
    place: Option<Place>,
    mut violations: Violations,
) -> Result<Box<RegistrationRequest>, Error> {
    let device_id = device_id(face.device_id, parameters, &mut violations);
    let device_info = device_info(call, parameters, &mut violations);
    let needs_device_info =
        face.device_info == DeviceInfoRule::Required && !is_older_than_device_information(proof);
    if device_info.is_none() && violations.is_empty() && needs_device_info {
        violations.add("", missing("X-Device-Info"));
    }
    let mvpd = parameters.filled("mvpd", &mut violations).map(|text| MvpdId::parse("mvpd", text));
    let mvpd = mvpd.and_then(|parsed| violations.take(parsed));
    // A text that is not a number is invalid like a number that is too small.
    let ttl = parameters
        .filled("ttl", &mut violations)
        .map(|text| Ttl::parse("ttl", text.parse().unwrap_or(-1), 0));
    let ttl = ttl.and_then(|parsed| violations.take(parsed));
    let user_agent = user_agent(call, &mut violations);
    let legacy = legacy(parameters, &mut violations);
    let hints = hints(call, parameters, &mut violations);
    let (Some(place), true) = (place, violations.is_empty()) else {
        parameters.check_body(&mut violations);
        return Err(violations.into_error());
    };
    let (device_info, warnings) = device_info.unzip();
    Ok(Box::new(RegistrationRequest {
        device_id,
        asks_for_id: parameters.get("deviceId", &mut violations) == Some(DUMMY_DEVICE_ID),
        resolves_login: true,
        device_info,
        warnings: warnings.unwrap_or_default(),
        user_agent,
        device_ip: Some(call.addresses.device),
        device_port: call.addresses.device_port,
        mvpd,
        ttl,
        authorization_type: authorization_type(proof).to_owned(),
        source_application: application(proof).cloned(),
        legacy,
        hints,
        ..RegistrationRequest::new(place)
    }))
}

fn lookup(
    face: &RestFace,
    call: &RestCall,
    segments: PathParameters<(String, String)>,
    parameters: &Parameters<'_>,
    mut violations: Violations,
) -> Result<Lookup, Error> {
    let Path((requestor, code)) = segments.map_err(|_| Error::InvalidFields(vec![not_utf8()]))?;
    let place = place(face, call, Ok(Path(requestor)), parameters, &mut violations);
    let typed = split_extension(&code).0;
    violations.take(check_typed("code", typed));
    match place {
        Some(place) if violations.is_empty() => {
            Ok(Lookup { place, typed: typed.to_owned(), viewer: Some(call.addresses.client) })
        }
        _ => Err(violations.into_error()),
    }
}

/// Returns the environment of the host with the requestor of the path. A parameter may only repeat the requestor.
fn place(
    face: &RestFace,
    call: &RestCall,
    requestor: PathParameters<String>,
    parameters: &Parameters<'_>,
    violations: &mut Violations,
) -> Option<Place> {
    let requestor = requestor.map(|Path(requestor)| requestor);
    let requestor = violations.take(requestor.map_err(|_| not_utf8()))?;
    if parameters.filled("requestor", violations).is_some_and(|text| text != requestor) {
        violations.add("requestor", "must be the requestor of the path, or omitted");
    }
    let environment = ("environment", call.environment.as_str());
    violations.take_all(face.policy.load().place(environment, ("requestor", &requestor)))
}

/// Returns the device's id. A device without one sends `dummy`, and uses the `id` of the response in its next call.
/// That is also the device id of this record (reference, section 2).
fn device_id(
    rule: DeviceIdRule,
    parameters: &Parameters<'_>,
    violations: &mut Violations,
) -> Option<DeviceId> {
    match (parameters.filled("deviceId", violations), rule) {
        (Some(DUMMY_DEVICE_ID), _) | (None, DeviceIdRule::Optional) => None,
        (Some(text), _) => violations.take(DeviceId::parse("deviceId", text)),
        (None, DeviceIdRule::Required) => {
            if violations.is_empty() {
                violations.add("", missing("deviceId"));
            }
            None
        }
    }
}

pub(super) fn device_info(
    call: &RestCall,
    parameters: &Parameters<'_>,
    violations: &mut Violations,
) -> Option<(DeviceInfo, Vec<Warning>)> {
    let mut headers = call.headers().get_all(X_DEVICE_INFO).iter().filter(|value| !value.is_empty());
    let (field, text) = match (headers.next(), headers.next()) {
        (Some(header), None) => {
            let text = header.to_str().map_err(|_| Violation::new("X-Device-Info", "must be base64"));
            ("X-Device-Info", violations.take(text)?)
        }
        (Some(_), Some(_)) => {
            violations.add("X-Device-Info", "must be given only once");
            return None;
        }
        (None, _) => ("device_info", parameters.filled("device_info", violations)?),
    };
    let decoded = DeviceInfo::decode(text);
    violations.take_all(
        decoded
            .map_err(|violations| violations.into_iter().map(|violation| violation.within(field)).collect()),
    )
}

pub(super) fn user_agent(call: &RestCall, violations: &mut Violations) -> String {
    let header = call.headers().get(USER_AGENT);
    let text = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default();
    violations.check_text("User-Agent", &text, USER_AGENT_MAX);
    text
}

pub(super) fn legacy(parameters: &Parameters<'_>, violations: &mut Violations) -> LegacyParameters {
    let names = ["deviceType", "deviceUser", "appId", "appVersion", "registrationURL"];
    let [device_type, device_user, app_id, app_version, registration_url] =
        names.map(|name| parameters.get(name, violations).unwrap_or_default().to_owned());
    let legacy = LegacyParameters { device_type, device_user, app_id, app_version, registration_url };
    legacy.check(violations, names);
    legacy
}

/// Returns the device's headers for the provider's own services. An invalid one is treated as absent, as documented.
pub(super) fn hints(
    call: &RestCall,
    parameters: &Parameters<'_>,
    violations: &mut Violations,
) -> DeviceHints {
    let header = |name| call.headers().get(name).and_then(|value| value.to_str().ok());
    let hint = |text: Option<&str>| {
        let text = text.filter(|text| (1..=HINT_MAX).contains(&text.len()))?;
        Some(SecretText::from(text.to_owned()))
    };
    DeviceHints {
        visitor_id: hint(header(AP_VISITOR_IDENTIFIER).or(parameters.filled("ap_vi", violations))),
        subject_token: hint(header(ADOBE_SUBJECT_TOKEN).or(parameters.filled("ast", violations))),
        roku_connect_token: hint(header(ROKU_CONNECT_TOKEN)),
    }
}

fn not_utf8() -> Violation {
    Violation::new("", "the path is not UTF-8")
}

/// Returns the documented message about a missing required parameter.
pub(super) fn missing(name: &str) -> String {
    format!("Required '{name}' is not present")
}
