//! Callers that are identified by JWTs of an issuer. An HTTP server of the test serves the issuer's keys.

use std::{fs, path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use passbridge::{
    admin::{ExamineCommand, OperatorCommand},
    config::{CallerEntry, Config, Jwt, JwtSubject},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::support::{
    caller::{caller, list, token_of, with_token},
    certificates::Authority,
    issuer::{IssuerServer, Serves, SigningKey, keys},
    request::create,
    rest::operate,
    retry_delay,
    status::refused,
    test_server::{START, TestServer},
};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const AUDIENCE: &str = "passbridge";
pub(super) const PLAYER: &str = "system:serviceaccount:streaming:player";
const STATIC: &str = "static";

/// This caller, identified by a subject of the issuer's tokens instead.
pub(super) fn by_subject(subject: &str, caller: CallerEntry) -> CallerEntry {
    let jwt = JwtSubject { issuer: ISSUER.to_owned(), subject: subject.to_owned() };
    CallerEntry { token_hash: None, jwt: Some(jwt), ..caller }
}

/// The issuer, with its keys in a file or at a URL.
pub(super) fn issuer_at(jwks: impl Into<String>) -> Jwt {
    let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
    Jwt { issuer, audience, jwks: jwks.into(), ..Jwt::default() }
}

/// Writes a file with these keys.
pub(super) fn key_file<'a>(folder: &Path, all: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let Serves::Text(_, set) = keys(all) else { unreachable!() };
    let file = folder.join("keys.json");
    fs::write(&file, set).expect("written");
    file.into_os_string().into_string().expect("UTF-8")
}

fn configure(config: &mut Config, issuer: &IssuerServer) {
    let player = by_subject("system:serviceaccount:*:player", caller("player", &["codes.create"]));
    list(config, [player, caller(STATIC, &["codes.create"])]);
    config.grpc.jwt = vec![issuer_at(issuer.url())];
}

fn server(issuer: &IssuerServer) -> TestServer {
    TestServer::configured(|config| configure(config, issuer))
}

/// The claims of a projected service-account token.
pub(super) fn claims(subject: &str) -> Value {
    let now = START / 1000;
    let name = subject.rsplit(':').next();
    json!({
        "aud": [AUDIENCE],
        "exp": now + 3600,
        "iat": now,
        "iss": ISSUER,
        "jti": "a3d0b2a6-3a1c-4f0e-9a55-6f2f0a0e9c11",
        "kubernetes.io": {
            "namespace": "streaming",
            "node": { "name": "node-1", "uid": "6f6e3c0e-32b2-4f63-8d44-7a9d1f4d2f10" },
            "pod": { "name": "player-0", "uid": "0f0a7c38-6c8a-44f6-bb0e-3e5a3f1c5f0d" },
            "serviceaccount": { "name": name, "uid": "c8f6cf50-1f0c-46bb-97d5-51e3a2c0a5c7" },
            "warnafter": now + 3607
        },
        "nbf": now,
        "sub": subject
    })
}

/// The claims with one of them changed; null removes it.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(PLAYER);
    match value {
        Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
        value => claims[name] = value,
    }
    claims
}

async fn call(server: &TestServer, token: &str) -> Result<(), Status> {
    server.codes().create_registration_code(with_token(token, create())).await.map(drop)
}

#[track_caller]
fn unknown(answer: Result<(), Status>) -> Status {
    refused(answer, Code::Unauthenticated, "CALLER_NOT_AUTHENTICATED")
}

#[tokio::test]
async fn a_service_account_of_a_cluster_whose_key_endpoint_requires_a_token_is_a_caller() {
    let key = SigningKey::new("cluster-1", Algorithm::RS256);
    let authority = Authority::named("cluster");
    let issuer = IssuerServer::start_over_tls(keys([&key]), &authority.server()).await;
    issuer.ask_for("token of this pod");
    let folder = tempfile::tempdir().expect("a folder");
    let (ca, file) = (folder.path().join("ca.crt"), folder.path().join("token"));
    fs::write(&ca, &authority.certificate).expect("written");
    fs::write(&file, "token of this pod\n").expect("written");
    let server = TestServer::configured(|config| {
        configure(config, &issuer);
        config.grpc.jwt[0].jwks_ca = Some(ca.clone());
        config.grpc.jwt[0].jwks_token_file = Some(file.clone());
    });
    for _ in 0..2 {
        call(&server, &key.sign(&claims(PLAYER))).await.expect("creates");
    }
    call(&server, &key.sign(&claims("system:serviceaccount:test:player"))).await.expect("any namespace");
    for subject in ["system:serviceaccount:streaming:other", "system:serviceaccount:a:b:player", "player"] {
        unknown(call(&server, &key.sign(&claims(subject))).await);
    }
    // The pod's token is replaced. The server reads it again when it fetches the keys.
    fs::write(&file, "newer token").expect("written");
    issuer.ask_for("newer token");
    let next = SigningKey::new("cluster-2", Algorithm::ES256);
    issuer.serve(keys([&key, &next]));
    call(&server, &next.sign(&claims(PLAYER))).await.expect("creates");
}

#[tokio::test]
async fn an_issuer_with_another_identity_or_that_refuses_our_token_is_not_trusted() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let (authority, other) = (Authority::named("cluster"), Authority::named("another"));
    let issuer = IssuerServer::start_over_tls(keys([&key]), &authority.server()).await;
    issuer.ask_for("token of this pod");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("written");
        file
    };
    let (ca, wrong_ca) = (file("ca.crt", &authority.certificate), file("other.crt", &other.certificate));
    let (token, wrong_token) = (file("token", "token of this pod"), file("wrong", "token of another pod"));
    for (ca, token, problem) in [
        (Some(&wrong_ca), Some(&token), Some("UnknownIssuer")),
        (None, Some(&token), Some("UnknownIssuer")),
        (Some(&ca), Some(&wrong_token), Some("it requires a token, or another one (jwks_token_file)")),
        (Some(&ca), None, Some("it requires a token, or another one (jwks_token_file)")),
        (Some(&ca), Some(&token), None),
    ] {
        let server = TestServer::configured(|config| {
            configure(config, &issuer);
            config.grpc.jwt[0].jwks_ca = ca.cloned();
            config.grpc.jwt[0].jwks_token_file = token.cloned();
        });
        let examined = operate(&server, OperatorCommand::Examine(ExamineCommand::default())).await;
        let examined = format!("{examined:?}");
        let answer = call(&server, &key.sign(&claims(PLAYER))).await;
        match problem {
            Some(problem) => {
                assert!(examined.contains(problem) && examined.contains(ISSUER), "{problem}: {examined}");
                refused(answer, Code::Unavailable, "ISSUER_UNAVAILABLE");
            }
            None => answer.unwrap_or_else(|error| panic!("{error:?}: {examined}")),
        }
    }
}

#[tokio::test]
async fn tokens_of_every_key_type_verify_with_keys_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| SigningKey::new(&format!("{algorithm:?}"), algorithm));
    let file = key_file(folder.path(), &all);
    let issuer = IssuerServer::start(Serves::Nothing).await;
    let server = TestServer::configured(|config| {
        configure(config, &issuer);
        config.grpc.jwt[0].jwks = file;
    });
    for key in &all {
        call(&server, &key.sign(&claims(PLAYER))).await.expect("creates");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn a_token_with_a_wrong_time_or_audience_is_refused_with_the_cause() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let issuer = IssuerServer::start(keys([&key])).await;
    let server = server(&issuer);
    let now = START / 1000;
    for (claims, expected) in [
        (with("aud", json!(["another"])), "another audience"),
        (with("aud", json!("another")), "another audience"),
        (with("aud", Value::Null), "another audience"),
        (with("exp", Value::Null), "no exp"),
        (with("exp", json!(now - 60)), "expired"),
        (with("nbf", json!(now + 62)), "not valid yet"),
        (with("iss", json!("https://another")), "no configured caller"),
        (with("iss", Value::Null), "no configured caller"),
        (with("sub", Value::Null), "not valid"),
        (with("sub", json!("another")), "no configured caller"),
        (with("exp", json!("soon")), "not valid"),
    ] {
        let status = unknown(call(&server, &key.sign(&claims)).await);
        assert!(status.message().contains(expected), "{claims}: {status:?}");
    }
    for claims in [
        with("aud", json!(AUDIENCE)),
        with("aud", json!(["another", AUDIENCE])),
        with("exp", json!(now - 58)),
        with("nbf", json!(now + 59)),
        with("nbf", Value::Null),
    ] {
        call(&server, &key.sign(&claims)).await.unwrap_or_else(|error| panic!("{claims}: {error:?}"));
    }
    // An accepted token still expires.
    let token = key.sign(&claims(PLAYER));
    call(&server, &token).await.expect("creates");
    server.clock.advance(Duration::from_secs(3659));
    call(&server, &token).await.expect("creates");
    server.clock.advance(Duration::from_secs(1));
    assert!(unknown(call(&server, &token).await).message().contains("expired"));
}

#[tokio::test]
async fn a_token_that_its_issuer_did_not_sign_is_refused() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let issuer = IssuerServer::start(keys([&key])).await;
    let server = server(&issuer);
    let genuine = key.sign(&claims(PLAYER));
    call(&server, &genuine).await.expect("creates");
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none", "kid": "one" })), part(&claims(PLAYER)));
    // The public key, used as an HMAC secret.
    let secret = EncodingKey::from_secret(key.public()["x"].as_str().expect("text").as_bytes());
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let by_secret = jsonwebtoken::encode(&header, &claims(PLAYER), &secret).expect("signs");
    let by_another = SigningKey::new("one", Algorithm::ES256).sign(&claims(PLAYER));
    let by_another_kind = SigningKey::new("one", Algorithm::EdDSA).sign(&claims(PLAYER));
    let (signed, _) = genuine.rsplit_once('.').expect("three parts");
    for token in [&unsigned, &by_secret, &by_another, &by_another_kind, signed, &genuine[1..]] {
        unknown(call(&server, token).await);
    }
}

#[tokio::test]
async fn an_unreachable_issuer_makes_only_its_own_tokens_unavailable() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let Serves::Text(_, twice) = keys([&key, &SigningKey::new("one", Algorithm::ES256)]) else {
        unreachable!()
    };
    let page = "<html><body>Welcome</body></html>".to_owned();
    for wrong in [
        Serves::Text(StatusCode::SERVICE_UNAVAILABLE, String::new()),
        Serves::Text(StatusCode::OK, page),
        Serves::Text(StatusCode::OK, "x".repeat(10 << 20)),
        Serves::Text(StatusCode::OK, twice),
        Serves::Nothing,
    ] {
        let issuer = IssuerServer::start(wrong.clone()).await;
        let server = server(&issuer);
        let token = key.sign(&claims(PLAYER));
        let status = refused(call(&server, &token).await, Code::Unavailable, "ISSUER_UNAVAILABLE");
        assert!(retry_delay(&status).is_some(), "{status:?}");
        call(&server, &token_of(STATIC)).await.expect("creates");
        if !matches!(wrong, Serves::Nothing) {
            issuer.serve(keys([&key]));
            call(&server, &token).await.expect("creates once the keys are available");
        }
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_at_once_and_unknown_key_ids_are_rate_limited() {
    let (old, new) = (SigningKey::new("old", Algorithm::ES256), SigningKey::new("new", Algorithm::ES256));
    let issuer = IssuerServer::start(keys([&old])).await;
    let server = server(&issuer);
    let remembered = old.sign(&claims(PLAYER));
    call(&server, &remembered).await.expect("creates");
    issuer.serve(keys([&new]));
    call(&server, &new.sign(&claims(PLAYER))).await.expect("creates");
    // A token of a withdrawn key is refused, even if it was accepted before.
    unknown(call(&server, &remembered).await);
    for number in 0..20 {
        let invented = SigningKey::new(&format!("invented-{number}"), Algorithm::ES256);
        unknown(call(&server, &invented.sign(&claims(PLAYER))).await);
    }
    assert!(issuer.asked() <= 6, "asked {} times", issuer.asked());
    call(&server, &new.sign(&claims(PLAYER))).await.expect("creates");
}

#[tokio::test]
async fn keys_are_refreshed_before_they_expire_and_used_for_a_day_without_the_issuer() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let issuer = IssuerServer::start(keys([&key])).await;
    let server = server(&issuer);
    let token = key.sign(&with("exp", json!(START / 1000 + 10 * 24 * 3600)));
    call(&server, &token).await.expect("creates");
    server.clock.advance(Duration::from_secs(1800));
    issuer.asked_times(2).await;
    issuer.serve(Serves::Text(StatusCode::BAD_GATEWAY, String::new()));
    server.clock.advance(Duration::from_secs(23 * 3600));
    call(&server, &token).await.expect("creates");
    server.clock.advance(Duration::from_secs(2 * 3600));
    refused(call(&server, &token).await, Code::Unavailable, "ISSUER_UNAVAILABLE");
}

#[tokio::test]
async fn a_reload_adds_and_removes_issuers_and_their_callers() {
    let key = SigningKey::new("one", Algorithm::ES256);
    let issuer = IssuerServer::start(keys([&key])).await;
    let server = TestServer::configured(|config| list(config, [caller(STATIC, &["codes.create"])]));
    let token = key.sign(&claims(PLAYER));
    unknown(call(&server, &token).await);
    server.reload(|config| configure(config, &issuer)).expect("accepted");
    call(&server, &token).await.expect("creates");
    server.reload(|config| configure(config, &issuer)).expect("accepted");
    call(&server, &token).await.expect("creates");
    assert_eq!(issuer.asked(), 1, "keys of an unchanged issuer stay cached");
    let error = server.reload(|config| {
        configure(config, &issuer);
        config.grpc.jwt.clear();
    });
    assert!(error.expect_err("is refused").to_string().contains("callers[0].jwt.issuer"));
    server.reload(|config| config.callers = vec![caller(STATIC, &["codes.create"])]).expect("accepted");
    unknown(call(&server, &token).await);
}
