//! The messages of `RegistrationCodeService`.

use uuid::Uuid;

use super::{address, device_info, place, port, timestamp, user_agent};
use crate::{
    domain::{
        code::check_typed,
        entitlement::{DOMAIN_NAME_MAX, REDIRECT_URL_MAX},
        error::{Result, Violation, Violations},
        fingerprint::Fingerprint,
        id::{DeviceId, MvpdId},
        registration_code::{CodeState, LegacyParameters, RegistrationRequest, SourceApplication, Ttl},
    },
    proto::v1::{self, create_registration_code_request::Device, registration_code::State as ProtoState},
    service::{
        policy::Policy,
        registration::{Created, IdempotentRequest, Lookup, RegistrationView, WatchEvent, WatchRegistration},
    },
};

pub(in crate::grpc) fn create(
    mut message: v1::CreateRegistrationCodeRequest,
    policy: &Policy,
) -> Result<(Box<RegistrationRequest>, Option<IdempotentRequest>)> {
    let mut violations = Violations::default();
    let request_id = Some(std::mem::take(&mut message.request_id)).filter(|text| !text.is_empty());
    let request_id = request_id.and_then(|text| violations.take(uuid("request_id", &text)));
    let place = place(&mut violations, policy, &message.environment, &message.requestor_id);
    let device_id = message.device_id.as_deref().map(|text| DeviceId::parse("device_id", text));
    let device_id = device_id.and_then(|parsed| violations.take(parsed));
    violations.check_length("domain_name", &message.domain_name, DOMAIN_NAME_MAX);
    violations.check_length("redirect_url", &message.redirect_url, REDIRECT_URL_MAX);
    let device = message.device.map(|device| match device {
        Device::DeviceInfo(message) => device_info::typed(message),
        Device::XDeviceInfo(text) => device_info::wire(&text),
    });
    let device = violations.take_all(device.unwrap_or_else(|| Err(vec![device_info::missing()])));
    let mvpd = Some(message.mvpd_id).filter(|text| !text.is_empty());
    let mvpd = mvpd.and_then(|text| violations.take(MvpdId::parse("mvpd_id", &text)));
    let ttl = message.ttl.map(|ttl| Ttl::parse("ttl", ttl.seconds, ttl.nanos));
    let ttl = ttl.and_then(|parsed| violations.take(parsed));
    let user_agent = user_agent(&mut violations, message.user_agent);
    let device_ip = address(&mut violations, "device_ip", &message.device_ip);
    let device_port = port(&mut violations, "device_port", message.device_port);
    let legacy = legacy(&mut violations, message.legacy.unwrap_or_default());
    match (place, device) {
        (Some(place), Some((device_info, warnings))) if violations.is_empty() => {
            let request = RegistrationRequest {
                device_id,
                device_info: Some(device_info),
                warnings,
                user_agent,
                device_ip,
                device_port,
                mvpd,
                ttl,
                domain_name: message.domain_name,
                redirect_url: message.redirect_url,
                legacy,
                ..RegistrationRequest::new(place)
            };
            // The fingerprint is of the parsed request, in which an empty environment equals the default one.
            let repeat =
                |request_id| IdempotentRequest { request_id, fingerprint: Fingerprint::of(&request) };
            let repeat = request_id.map(repeat);
            Ok((Box::new(request), repeat))
        }
        _ => Err(violations.into_error()),
    }
}

pub(in crate::grpc) fn get(message: &v1::GetRegistrationCodeRequest, policy: &Policy) -> Result<Lookup> {
    let v1::GetRegistrationCodeRequest { requestor_id, environment, code, viewer_ip } = message;
    lookup(&mut Violations::default(), policy, environment, requestor_id, code, viewer_ip)
}

pub(in crate::grpc) fn delete(
    message: &v1::DeleteRegistrationCodeRequest,
    policy: &Policy,
) -> Result<Lookup> {
    let v1::DeleteRegistrationCodeRequest { requestor_id, environment, code, viewer_ip } = message;
    lookup(&mut Violations::default(), policy, environment, requestor_id, code, viewer_ip)
}

pub(in crate::grpc) fn watch(
    message: &v1::WatchRegistrationCodeRequest,
    policy: &Policy,
) -> Result<WatchRegistration> {
    let v1::WatchRegistrationCodeRequest { requestor_id, environment, code, id, viewer_ip } = message;
    let mut violations = Violations::default();
    let id = id.as_deref().and_then(|text| violations.take(uuid("id", text)));
    let lookup = lookup(&mut violations, policy, environment, requestor_id, code, viewer_ip)?;
    Ok(WatchRegistration { lookup, id })
}

pub(in crate::grpc) fn created(created: Created) -> v1::CreateRegistrationCodeResponse {
    v1::CreateRegistrationCodeResponse {
        registration_code: Some(registration_code(created.view)),
        warnings: device_info::warnings(created.warnings),
    }
}

pub(in crate::grpc) fn watch_event(event: WatchEvent) -> v1::WatchRegistrationCodeResponse {
    let registration_code = match event {
        WatchEvent::State(view) => registration_code(*view),
        WatchEvent::Replaced { id, key } => v1::RegistrationCode {
            id: id.to_string(),
            code: key.code.as_str().to_owned(),
            requestor_id: key.requestor.as_str().to_owned(),
            environment: key.environment.as_str().to_owned(),
            state: ProtoState::Released.into(),
            ..v1::RegistrationCode::default()
        },
    };
    v1::WatchRegistrationCodeResponse { registration_code: Some(registration_code) }
}

pub(in crate::grpc) fn registration_code(view: RegistrationView) -> v1::RegistrationCode {
    let RegistrationView { registration, state, verification, is_partial } = view;
    let registration = *registration;
    let known = |text: String| if is_partial { String::new() } else { text };
    let encoded_device_info = registration.encoded_device_info().into_owned();
    v1::RegistrationCode {
        id: known(registration.id.to_string()),
        code: registration.code.as_str().to_owned(),
        requestor_id: registration.requestor.as_str().to_owned(),
        environment: registration.environment.as_str().to_owned(),
        mvpd_id: registration.mvpd.map(|mvpd| mvpd.as_str().to_owned()).unwrap_or_default(),
        create_time: Some(timestamp(registration.create_time)),
        expire_time: Some(timestamp(registration.expire_time)),
        state: match state {
            CodeState::Pending => ProtoState::Pending,
            CodeState::Released => ProtoState::Released,
            CodeState::Expired => ProtoState::Expired,
        }
        .into(),
        device_id: known(registration.device_id.as_str().to_owned()),
        device_id_assigned: registration.device_id_assigned,
        encoded_device_info,
        user_agent: registration.device_info.browser.user_agent.clone().unwrap_or_default(),
        original_user_agent: registration.device_info.browser.original_user_agent.clone().unwrap_or_default(),
        device_info: Some(device_info::normalized(registration.device_info)),
        authorization_type: registration.authorization_type,
        source_application: registration.source_application.map(source_application),
        verification_uri: verification.plain,
        verification_uri_complete: verification.complete,
        legacy: Some(registration.legacy)
            .filter(|legacy| *legacy != LegacyParameters::default())
            .map(legacy_message),
    }
}

fn lookup(
    violations: &mut Violations,
    policy: &Policy,
    environment: &str,
    requestor_id: &str,
    code: &str,
    viewer_ip: &str,
) -> Result<Lookup> {
    let place = place(violations, policy, environment, requestor_id);
    violations.take(check_typed("code", code));
    let viewer = address(violations, "viewer_ip", viewer_ip);
    match place {
        Some(place) if violations.is_empty() => Ok(Lookup { place, typed: code.to_owned(), viewer }),
        _ => Err(std::mem::take(violations).into_error()),
    }
}

fn uuid(field: &str, text: &str) -> std::result::Result<Uuid, Violation> {
    Uuid::try_parse(text)
        .ok()
        .filter(|_| text.len() == 36)
        .ok_or_else(|| Violation::new(field, "must be a UUID, such as f81d4fae-7dec-41d0-a765-00a0c91e6bf6"))
}

fn legacy(violations: &mut Violations, message: v1::LegacyParameters) -> LegacyParameters {
    let v1::LegacyParameters { device_type, device_user, app_id, app_version, registration_url } = message;
    let legacy = LegacyParameters { device_type, device_user, app_id, app_version, registration_url };
    let names = ["device_type", "device_user", "app_id", "app_version", "registration_url"];
    legacy.check(violations, names.map(|name| format!("legacy.{name}")).each_ref().map(String::as_str));
    legacy
}

fn legacy_message(legacy: LegacyParameters) -> v1::LegacyParameters {
    let LegacyParameters { device_type, device_user, app_id, app_version, registration_url } = legacy;
    v1::LegacyParameters { device_type, device_user, app_id, app_version, registration_url }
}

fn source_application(application: SourceApplication) -> v1::SourceApplication {
    let SourceApplication { id, name, version } = application;
    v1::SourceApplication { id, name, version }
}
