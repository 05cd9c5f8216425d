//! Authentication and permissions of every method in the descriptor sets.

use bytes::Bytes;
use jsonwebtoken::Algorithm;
use passbridge::{
    config::{CallerEntry, Config},
    domain::caller::Permission,
    proto::{
        FILE_DESCRIPTOR_SET,
        v1::{
            AuthorizeRequest, BatchResetTempPassRequest, BatchResetTempPassResponse, DecodeDeviceInfoRequest,
            EncodeDeviceInfoRequest, GetProfileRequest, GetTempPassRequest, GetUserMetadataRequest,
            HashIdentifierRequest, ListMvpdsRequest, LogoutRequest, NormalizeDeviceInfoRequest,
            PreauthorizeRequest, StartLoginRequest, batch_reset_temp_pass_request::Item,
            normalize_device_info_request::Device,
            reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
        },
    },
};
use prost::Message;
use serde_json::json;
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_reflection::pb::{v1, v1alpha};

use super::{
    jwt::{PLAYER, by_subject, claims, issuer_at, key_file, with},
    tls_server::TlsServer,
};
use crate::{
    grpc::temp_pass::{authorize, reset, reset_flexible},
    support::{
        any_call::{Connection, first_answer},
        caller::{by_san, caller, list, token_of, with_token},
        issuer::SigningKey,
        request::{REQUESTOR, create, delete, get, roku, watch},
        rest::DEVICE_INFO,
        status::refused,
        test_server::{START, TestServer, environment},
    },
};

const ADMIN: &str = "admin";
const FOREIGN: &str = "of another requestor";
const ELSEWHERE: &str = "of another environment";
const PERMITTED_NOTHING: &str = "without permissions";

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Anyone,
    AnyCaller,
    CallersWith(Permission),
}

/// A call of a method: who may make it, and a valid request message.
struct MethodCall {
    method: String,
    audience: Audience,
    message: Vec<u8>,
}

/// Every method of the server, in all its descriptor sets.
fn methods() -> Vec<String> {
    let sets = [
        FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        v1::FILE_DESCRIPTOR_SET,
        v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut methods = Vec::new();
    for set in sets {
        for file in prost_types::FileDescriptorSet::decode(set).expect("decodes").file {
            for service in &file.service {
                let names = service
                    .method
                    .iter()
                    .map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                methods.extend(names);
            }
        }
    }
    methods
}

/// A live code.
async fn code(server: &TestServer) -> String {
    let request = with_token(&token_of(ADMIN), create());
    let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    created.registration_code.expect("has a code").code
}

/// A call of this method, about this code if it takes one. A method that is not listed fails the test: add it with its audience.
fn call(method: &str, code: &str) -> MethodCall {
    let by_device = || reset(Target::DeviceId("device".to_owned()));
    let (service, name) = method.trim_start_matches('/').split_once('/').expect("a service and a name");
    let (audience, message) = match (service, name) {
        ("grpc.health.v1.Health", _) => (Audience::Anyone, Vec::new()),
        ("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => {
            // list_services
            (Audience::AnyCaller, vec![0x3a, 0])
        }
        ("passbridge.v1.RegistrationCodeService", "CreateRegistrationCode") => {
            (Audience::CallersWith(Permission::CodesCreate), create().encode_to_vec())
        }
        ("passbridge.v1.RegistrationCodeService", "GetRegistrationCode") => {
            (Audience::CallersWith(Permission::CodesRead), get(code).encode_to_vec())
        }
        ("passbridge.v1.RegistrationCodeService", "WatchRegistrationCode") => {
            (Audience::CallersWith(Permission::CodesRead), watch(code).encode_to_vec())
        }
        ("passbridge.v1.RegistrationCodeService", "DeleteRegistrationCode") => {
            (Audience::CallersWith(Permission::CodesDelete), delete(code).encode_to_vec())
        }
        ("passbridge.v1.DeviceInfoService", "NormalizeDeviceInfo") => {
            let device = Some(Device::DeviceInfo(roku()));
            let request = NormalizeDeviceInfoRequest { device, ..NormalizeDeviceInfoRequest::default() };
            (Audience::AnyCaller, request.encode_to_vec())
        }
        ("passbridge.v1.DeviceInfoService", "EncodeDeviceInfo") => {
            let request = EncodeDeviceInfoRequest { device_info: Some(roku()) };
            (Audience::AnyCaller, request.encode_to_vec())
        }
        ("passbridge.v1.DeviceInfoService", "DecodeDeviceInfo") => {
            let request = DecodeDeviceInfoRequest { x_device_info: DEVICE_INFO.to_owned() };
            (Audience::AnyCaller, request.encode_to_vec())
        }
        ("passbridge.v1.DeviceInfoService", "HashIdentifier") => {
            let request = HashIdentifierRequest { value: "a".to_owned(), ..HashIdentifierRequest::default() };
            (Audience::AnyCaller, request.encode_to_vec())
        }
        ("passbridge.v1.TempPassService", "ResetTempPass") => {
            (Audience::CallersWith(Permission::TempPassesReset), by_device().encode_to_vec())
        }
        ("passbridge.v1.TempPassService", "ResetFlexibleTempPass") => {
            let request = reset_flexible(FlexibleTarget::GenericKey("a".repeat(64)));
            (Audience::CallersWith(Permission::TempPassesReset), request.encode_to_vec())
        }
        ("passbridge.v1.TempPassService", "BatchResetTempPass") => {
            let item = Some(Item::TempPass(by_device()));
            let request = BatchResetTempPassRequest { item_id: String::new(), item };
            (Audience::CallersWith(Permission::TempPassesReset), request.encode_to_vec())
        }
        ("passbridge.v1.TempPassService", "AuthorizeTempPass") => {
            let request = authorize("TempPass", "device", None, "1");
            (Audience::CallersWith(Permission::TempPassesAuthorize), request.encode_to_vec())
        }
        ("passbridge.v1.TempPassService", "GetTempPass") => {
            let request = GetTempPassRequest {
                requestor_id: REQUESTOR.to_owned(),
                mvpd_id: "TempPass".to_owned(),
                device_id: "device".to_owned(),
                ..GetTempPassRequest::default()
            };
            (Audience::CallersWith(Permission::TempPassesRead), request.encode_to_vec())
        }
        ("passbridge.v1.EntitlementService", name) => entitlement(name, code),
        _ => panic!("{method} is not listed: add it here with its audience"),
    };
    MethodCall { method: method.to_owned(), audience, message }
}

/// A call of this method of `EntitlementService`.
fn entitlement(name: &str, code: &str) -> (Audience, Vec<u8>) {
    let (requestor_id, device_id) = (REQUESTOR.to_owned(), "device".to_owned());
    match name {
        "ListMvpds" => {
            let request = ListMvpdsRequest { requestor_id, ..ListMvpdsRequest::default() };
            (Audience::AnyCaller, request.encode_to_vec())
        }
        "StartLogin" => {
            let code = code.to_owned();
            let request = StartLoginRequest { requestor_id, code, ..StartLoginRequest::default() };
            (Audience::CallersWith(Permission::EntitlementsLogin), request.encode_to_vec())
        }
        "GetProfile" => {
            let request = GetProfileRequest { requestor_id, device_id, ..GetProfileRequest::default() };
            (Audience::CallersWith(Permission::EntitlementsRead), request.encode_to_vec())
        }
        "GetUserMetadata" => {
            let request =
                GetUserMetadataRequest { requestor_id, device_id, ..GetUserMetadataRequest::default() };
            (Audience::CallersWith(Permission::EntitlementsRead), request.encode_to_vec())
        }
        "Authorize" => {
            let resource_id = "news".to_owned();
            let request =
                AuthorizeRequest { requestor_id, device_id, resource_id, ..AuthorizeRequest::default() };
            (Audience::CallersWith(Permission::EntitlementsAuthorize), request.encode_to_vec())
        }
        "Preauthorize" => {
            let resource_ids = vec!["news".to_owned()];
            let request = PreauthorizeRequest {
                requestor_id,
                device_id,
                resource_ids,
                ..PreauthorizeRequest::default()
            };
            (Audience::CallersWith(Permission::EntitlementsAuthorize), request.encode_to_vec())
        }
        "Logout" => {
            let request = LogoutRequest { requestor_id, device_id, ..LogoutRequest::default() };
            (Audience::CallersWith(Permission::EntitlementsLogout), request.encode_to_vec())
        }
        _ => panic!("{name} is not listed: add it here with its audience"),
    }
}

fn only(permission: Permission) -> String {
    format!("only {permission}")
}

/// The name in the certificate of this caller.
fn san_of(name: &str) -> String {
    format!("{}.example.com", name.replace(' ', "-"))
}

fn all_but(permission: Permission) -> String {
    format!("all but {permission}")
}

/// A caller of every kind, each with its own token.
fn callers() -> Vec<CallerEntry> {
    let all: Vec<_> = Permission::ALL.into_iter().map(Permission::as_str).collect();
    let mut callers = vec![caller(ADMIN, &all), caller(PERMITTED_NOTHING, &[])];
    callers.push(CallerEntry { requestors: vec!["OTHER".to_owned()], ..caller(FOREIGN, &all) });
    callers.push(CallerEntry { environments: vec!["staging".to_owned()], ..caller(ELSEWHERE, &all) });
    for permission in Permission::ALL {
        let others: Vec<_> = all.iter().copied().filter(|name| *name != permission.as_str()).collect();
        let requestors = vec![REQUESTOR.to_owned()];
        let environments = vec!["default".to_owned()];
        let one = caller(&only(permission), &[permission.as_str()]);
        callers.push(CallerEntry { requestors, environments, ..one });
        callers.push(caller(&all_but(permission), &others));
    }
    callers
}

fn configure(config: &mut Config, callers: impl IntoIterator<Item = CallerEntry>) {
    environment(config, "default", &[]);
    environment(config, "staging", &[]);
    list(config, callers);
}

fn server() -> TestServer {
    TestServer::configured(|config| configure(config, callers()))
}

/// Configures an administrator who is identified by tokens that the key signs.
fn know_by(key: &SigningKey, folder: &TempDir, config: &mut Config) {
    config.grpc.jwt = vec![issuer_at(key_file(folder.path(), [key]))];
    let all: Vec<_> = Permission::ALL.into_iter().map(Permission::as_str).collect();
    config.callers.push(by_subject(PLAYER, caller("by its JWT", &all)));
}

/// Asserts that an allowed call was served. The local backend has no logins.
#[track_caller]
fn assert_served(call: &MethodCall, answer: Result<Bytes, Status>) {
    if call.method.contains("EntitlementService") {
        refused(answer, Code::Unimplemented, "UNSUPPORTED_OPERATION");
    } else {
        answer.unwrap_or_else(|error| panic!("{}: {error:?}", call.method));
    }
}

/// The result of a call. The status of a batch is that of its first item.
async fn outcome(channel: impl Connection, call: &MethodCall, token: Option<&str>) -> Result<Bytes, Status> {
    let answer = first_answer(channel, &call.method, token, call.message.clone()).await?;
    if call.method.ends_with("/BatchResetTempPass") {
        let item = BatchResetTempPassResponse::decode(answer.clone()).expect("decodes");
        let status = item.status.expect("has a status");
        if status.code != 0 {
            let details = status.encode_to_vec().into();
            return Err(Status::with_details(Code::from_i32(status.code), status.message, details));
        }
    }
    Ok(answer)
}

/// Asserts what an unauthenticated client gets: the server's health, and nothing else.
fn assert_not_known(call: &MethodCall, answer: Result<Bytes, Status>) {
    match call.audience {
        Audience::Anyone => drop(answer.expect(&call.method)),
        Audience::AnyCaller | Audience::CallersWith(_) => {
            refused(answer, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn every_method_but_health_requires_a_known_token() {
    let (key, folder) = (SigningKey::new("one", Algorithm::ES256), tempfile::tempdir().expect("a folder"));
    let server = TestServer::configured(|config| {
        configure(config, callers());
        know_by(&key, &folder, config);
    });
    let expired = key.sign(&with("exp", json!(START / 1000 - 60)));
    let not_yet_valid = key.sign(&with("nbf", json!(START / 1000 + 62)));
    let for_another = key.sign(&with("aud", json!("another")));
    let of_another = SigningKey::new("one", Algorithm::ES256).sign(&claims(PLAYER));
    let wrong = ["", "wrong", "eyJhbGciOiJub25lIn0.e30.", "Bearer"];
    let wrong = wrong.into_iter().chain([&*expired, &not_yet_valid, &for_another, &of_another]);
    let wrong: Vec<_> = [None].into_iter().chain(wrong.map(Some)).collect();
    for method in methods() {
        let call = call(&method, &code(&server).await);
        for token in &wrong {
            assert_not_known(&call, outcome(server.channel(), &call, *token).await);
        }
        assert_served(&call, outcome(server.channel(), &call, Some(&key.sign(&claims(PLAYER)))).await);
    }
}

#[tokio::test]
async fn a_certificate_authenticates_alone_but_not_beside_a_wrong_token() {
    let (key, folder) = (SigningKey::new("one", Algorithm::ES256), tempfile::tempdir().expect("a folder"));
    let server = TlsServer::configured(|config| {
        let known = callers().into_iter().map(|caller| by_san(&san_of(&caller.name), caller));
        configure(config, known.collect::<Vec<_>>());
        know_by(&key, &folder, config);
    });
    let expired = key.sign(&with("exp", json!(START / 1000 - 60)));
    let mut admin = server.certified(&[&san_of(ADMIN)]).await.codes();
    let stranger = server.certified(&["stranger.example.com"]).await;
    let nameless = server.certified(&[]).await;
    let of_two = server.certified(&[&san_of(ADMIN), &san_of(FOREIGN)]).await;
    let known = server.certified(&[&san_of(ADMIN)]).await;
    for method in methods() {
        let created = admin.create_registration_code(create()).await.expect("creates").into_inner();
        let call = call(&method, &created.registration_code.expect("has a code").code);
        assert_not_known(&call, outcome(server.uncertified().await, &call, None).await);
        for channel in [&stranger, &nameless, &of_two] {
            assert_not_known(&call, outcome(channel.clone(), &call, None).await);
        }
        for token in ["wrong", &expired] {
            assert_not_known(&call, outcome(known.clone(), &call, Some(token)).await);
        }
        let outcome_for = async |name: &str| {
            let channel = server.certified(&[&san_of(name), "beside.example.com"]).await;
            outcome(channel, &call, None).await
        };
        assert_permitted(&call, outcome_for).await;
    }
}

/// Asserts that callers are served only if they have the permission that the call requires.
async fn assert_permitted(call: &MethodCall, outcome_for: impl AsyncFn(&str) -> Result<Bytes, Status>) {
    match call.audience {
        Audience::Anyone | Audience::AnyCaller => assert_served(call, outcome_for(PERMITTED_NOTHING).await),
        Audience::CallersWith(permission) => {
            for name in [FOREIGN, ELSEWHERE, PERMITTED_NOTHING, &all_but(permission)] {
                refused(outcome_for(name).await, Code::PermissionDenied, "PERMISSION_MISSING");
            }
            assert_served(call, outcome_for(&only(permission)).await);
        }
    }
}

#[tokio::test]
async fn a_caller_can_call_only_what_its_permissions_allow() {
    let server = server();
    for method in methods() {
        let call = call(&method, &code(&server).await);
        let outcome_for = async |name: &str| outcome(server.channel(), &call, Some(&token_of(name))).await;
        assert_permitted(&call, outcome_for).await;
    }
}

#[tokio::test]
async fn resetting_everything_requires_its_own_permission_and_no_other() {
    let server = server();
    let all = reset(Target::AllDevices(true));
    for (name, may) in [
        (only(Permission::TempPassesResetAll), true),
        (only(Permission::TempPassesReset), false),
        (all_but(Permission::TempPassesResetAll), false),
    ] {
        let answer = server.temp_passes().reset_temp_pass(with_token(&token_of(&name), all.clone())).await;
        assert_eq!(answer.is_ok(), may, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn unknown_methods_are_unimplemented_for_callers_and_unauthenticated_for_others() {
    let server = server();
    let method = "/passbridge.v1.RegistrationCodeService/Guess";
    let answer = first_answer(server.channel(), method, None, Vec::new()).await;
    refused(answer, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED");
    let answer = first_answer(server.channel(), method, Some(&token_of(PERMITTED_NOTHING)), Vec::new()).await;
    refused(answer, Code::Unimplemented, "UNSUPPORTED_OPERATION");
}
