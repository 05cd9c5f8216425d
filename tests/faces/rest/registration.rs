//! Local registration: software statements, clients, tokens, and refusals with the errors of the RFCs.

use std::time::Duration;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use passbridge::{
    admin::{OperatorCommand, StatementCommand},
    config::ApplicationConfig,
};
use serde_json::{Value, json};

use crate::support::{
    http::{Answer, call},
    rest::{DEVICE_INFO, Device, access_token, ask_for_token, mint, register, statement_command, token_form},
    test_server::{START, TestServer},
};

/// The error code of a refusal, which must have a description and must not be cacheable.
#[track_caller]
fn refused(answer: &Answer) -> String {
    let error = answer.json(400);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!error["error_description"].as_str().expect("text").is_empty(), "{error}");
    error["error"].as_str().expect("text").to_owned()
}

async fn post(server: &TestServer, path: &str, body: &str) -> Answer {
    call(server.rest_address(), "POST", path).body(body.to_owned()).send().await
}

#[tokio::test]
async fn an_invalid_registration_is_refused() {
    let server = TestServer::start();
    for body in [
        "",
        "{}",
        "[]",
        "not json",
        "{\"software_statement\": 1}",
        "[\"statement\", null, []]",
        "{\"software_statement\": \"a\", \"redirect_uris\": \"app://a\"}",
    ] {
        assert_eq!(refused(&post(&server, "/o/client/register", body).await), "invalid_request", "{body}");
    }
    let long = json!({ "software_statement": "a".repeat(20_000) }).to_string();
    assert_eq!(refused(&post(&server, "/o/client/register", &long).await), "invalid_request");
    let huge = json!({ "software_statement": "a".repeat(200_000) }).to_string();
    assert_eq!(post(&server, "/o/client/register", &huge).await.json(413)["error"], "invalid_request");
}

#[tokio::test]
async fn a_statement_that_this_server_did_not_sign_is_invalid() {
    let (server, another) = (TestServer::start(), TestServer::start());
    let statement = mint(&server, statement_command()).await;
    let foreign = mint(&another, statement_command()).await;
    let payload = statement.split('.').nth(1).expect("a payload");
    let unsigned = format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#));
    let (head, signature) = statement.rsplit_once('.').expect("a signature");
    let (header, _) = head.split_once('.').expect("a payload");
    let claims = BASE64_URL_SAFE_NO_PAD
        .encode(r#"{"jti":"x","iat":1,"software_id":"","client_name":"","software_version":""}"#);
    for wrong in [
        foreign,
        unsigned,
        format!("{header}.{claims}.{signature}"),
        statement[..statement.len() / 2].to_owned(),
        format!("{statement}x"),
        "a.b.c".to_owned(),
        " ".to_owned(),
        access_token(&server, statement_command()).await,
    ] {
        assert_eq!(refused(&register(&server, &wrong).await), "invalid_software_statement", "{wrong}");
    }
    register(&server, &statement).await.json(201);
}

#[tokio::test]
async fn redirect_uris_must_be_uris() {
    let server = TestServer::start();
    let statement = mint(&server, statement_command()).await;
    for uri in ["not a uri", "/path", "https://example.com/#fragment"] {
        let body = json!({ "software_statement": statement, "redirect_uri": uri }).to_string();
        assert_eq!(
            refused(&post(&server, "/o/client/register", &body).await),
            "invalid_redirect_uri",
            "{uri}"
        );
    }
    let body =
        json!({ "software_statement": statement, "redirect_uris": ["app://a", "https://b.example/c"] });
    let registered = post(&server, "/o/client/register", &body.to_string()).await.json(201);
    assert_eq!(registered["redirect_uris"], json!(["app://a", "https://b.example/c"]));
}

#[tokio::test]
async fn token_requests_are_refused_with_the_errors_of_the_rfc() {
    let server = TestServer::start();
    let registered = register(&server, &mint(&server, statement_command()).await).await;
    let form = token_form(&registered);
    let client_id = registered.json(201)["client_id"].as_str().expect("text").to_owned();
    let half = &client_id[..client_id.len() / 2];
    let another = register(&server, &mint(&server, statement_command()).await).await;
    let another_secret = another.json(201)["client_secret"].as_str().expect("text").to_owned();
    let with = |id: &str, secret: &str| {
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    };
    for (form, error) in [
        (String::new(), "invalid_request"),
        ("grant_type=client_credentials".to_owned(), "invalid_request"),
        (format!("grant_type=client_credentials&client_id={client_id}"), "invalid_request"),
        (form.replace("grant_type=client_credentials&", ""), "invalid_request"),
        (format!("{form}&client_id={client_id}"), "invalid_request"),
        (form.replace("client_credentials", "password"), "unsupported_grant_type"),
        (form.replace("client_credentials", "refresh_token"), "unsupported_grant_type"),
        (with(half, &another_secret), "invalid_client"),
        (with(&client_id, &another_secret), "invalid_client"),
        (with(&client_id, "wrong"), "invalid_client"),
        (with("unknown", "wrong"), "invalid_client"),
    ] {
        assert_eq!(refused(&ask_for_token(&server, form.clone()).await), error, "{form}");
    }
}

#[tokio::test]
async fn token_parameters_may_be_in_the_query_or_http_basic() {
    let server = TestServer::start();
    let registered = register(&server, &mint(&server, statement_command()).await).await;
    let address = server.rest_address();
    let in_query =
        call(address, "POST", &format!("/o/client/token?{}", token_form(&registered))).send().await;
    in_query.json(201);

    let registered = registered.json(201);
    let [id, secret] = ["client_id", "client_secret"].map(|key| registered[key].as_str().expect("text"));
    let basic = |secret: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
    let ask = |authorization: String| {
        call(address, "POST", "/o/client/token")
            .header("authorization", authorization)
            .form("grant_type=client_credentials")
    };
    ask(basic(secret)).send().await.json(201);
    let wrong = ask(basic("wrong")).send().await;
    assert_eq!(
        (&wrong.json(401)["error"], wrong.header("www-authenticate")),
        (&json!("invalid_client"), "Basic realm=\"passbridge\"")
    );
    let both = ask(basic(secret)).form(format!("grant_type=client_credentials&client_id={id}")).send().await;
    assert!(both.status.is_client_error(), "{both:?}");
}

#[tokio::test]
async fn a_token_is_valid_for_six_hours() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    server.clock.advance(Duration::from_secs(21_599));
    device.create("").send().await.json(201);
    server.clock.advance(Duration::from_secs(1));
    let expired = device.create("").send().await;
    assert!(expired.error(401).contains("expired"), "{expired:?}");
    assert_eq!(expired.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn anything_but_an_access_token_is_refused() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let read = |authorization: &str| {
        call(server.rest_address(), "GET", "/reggie/v1/REF/regcode/ABC.json")
            .header("authorization", authorization)
    };
    let statement = mint(&server, statement_command()).await;
    let cut = &device.token[..device.token.len() - 1];
    for wrong in [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic abc",
        "",
        &format!("Bearer {cut}"),
        &format!("Bearer {statement}"),
    ] {
        read(wrong).send().await.error(401);
    }
    let missing = call(server.rest_address(), "GET", "/reggie/v1/REF/regcode/ABC.json").send().await;
    assert_eq!((missing.error(401).is_empty(), missing.header("www-authenticate")), (false, "Bearer"));
    let twice = read(&format!("Bearer {}", device.token)).header("authorization", "Bearer x").send().await;
    twice.error(401);
    read(&format!("bearer {}", device.token)).send().await.error(404);
}

#[tokio::test]
async fn a_statement_grants_only_its_requestors_and_permissions() {
    let server = TestServer::start();
    let command = StatementCommand { permissions: vec!["codes.read".to_owned()], ..statement_command() };
    let device = Device { server: &server, token: access_token(&server, command).await };
    device.read("BCDFGHJ").send().await.error(404);
    let create = device.create("").send().await;
    assert!(create.error(403).contains("codes.create"), "{create:?}");
    assert_eq!(create.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
    device.delete("BCDFGHJ").send().await.error(403);

    let device = Device::of(&server).await;
    let other =
        device.call("POST", "/reggie/v1/OTHER/regcode.json?deviceId=a").header("x-device-info", DEVICE_INFO);
    other.send().await.error(403);
}

#[tokio::test]
async fn a_statement_for_unconfigured_values_is_not_issued() {
    let server = TestServer::configured(|config| {
        crate::support::test_server::environment(config, "default", &["REF"]);
    });
    for (command, named) in [
        (
            StatementCommand { requestors: vec!["OTHER".to_owned()], ..StatementCommand::default() },
            "requestor",
        ),
        (StatementCommand { environments: vec!["nowhere".to_owned()], ..statement_command() }, "environment"),
        (
            StatementCommand { permissions: vec!["codes.guess".to_owned()], ..statement_command() },
            "permission",
        ),
        (StatementCommand { client_name: "a".repeat(300), ..statement_command() }, "client-name"),
    ] {
        let refused = passbridge::admin::ask(&server.data(), &OperatorCommand::MintStatement(command)).await;
        let error = refused.expect_err("refused").to_string();
        assert!(error.starts_with(named), "{error}");
    }
}

/// An external signer of statements, with a key that the test generates.
struct Signer {
    key: aws_lc_rs::signature::EcdsaKeyPair,
    folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { key, folder: tempfile::tempdir().expect("a folder") }
    }

    /// The public key as a JWK Set in a file.
    fn jwks(&self) -> std::path::PathBuf {
        use aws_lc_rs::signature::KeyPair;
        let point = self.key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| BASE64_URL_SAFE_NO_PAD.encode(half));
        let set =
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "x": x, "y": y }] });
        let file = self.folder.path().join("jwks.json");
        std::fs::write(&file, set.to_string()).expect("written");
        file
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as("k1", claims)
    }

    /// A forgery that uses the public key as an HMAC secret.
    fn sign_with_public_key(&self, claims: &Value) -> String {
        use aws_lc_rs::{hmac, signature::KeyPair};
        let header = json!({ "typ": "JWT", "alg": "HS256", "kid": "k1" });
        let [header, claims] = [&header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.public_key().as_ref());
        let signature = hmac::sign(&key, text.as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": kid });
        let [header, claims] = [&header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let signature = self.key.sign(&aws_lc_rs::rand::SystemRandom::new(), text.as_bytes()).expect("signs");
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test]
async fn a_statement_of_a_configured_signer_gets_the_rights_of_its_application() {
    let signer = Signer::new();
    let jwks = signer.jwks();
    let server = TestServer::configured(|config| {
        config.rest.statement_jwks = Some(jwks);
        config.applications = vec![ApplicationConfig {
            id: "tv-app".to_owned(),
            name: "TV app".to_owned(),
            version: "3.0".to_owned(),
            requestors: vec!["REF".to_owned()],
            permissions: vec!["codes.create".to_owned()],
            ..ApplicationConfig::default()
        }];
    });
    let now = START / 1000;
    let statement = signer.sign(&json!({ "software_id": "tv-app", "iat": now, "exp": now + 60 }));
    let registered = register(&server, &statement).await;
    assert_eq!(registered.json(201)["scopes"], json!(["codes.create"]));
    let issued = ask_for_token(&server, token_form(&registered)).await.json(201);
    let device =
        Device { server: &server, token: issued["access_token"].as_str().expect("a token").to_owned() };
    let record = device.create("").send().await.json(201);
    assert_eq!(
        record["info"]["sourceApplicationInformation"],
        json!({ "id": "tv-app", "name": "TV app", "version": "3.0" })
    );
    device.read(record["code"].as_str().expect("a code")).send().await.error(403);

    let unknown = signer.sign(&json!({ "software_id": "unknown" }));
    assert_eq!(refused(&register(&server, &unknown).await), "unapproved_software_statement");
    let early = signer.sign(&json!({ "software_id": "tv-app", "nbf": now + 1 }));
    assert_eq!(refused(&register(&server, &early).await), "invalid_software_statement");
    let stranger = Signer::new().sign(&json!({ "software_id": "tv-app" }));
    assert_eq!(refused(&register(&server, &stranger).await), "invalid_software_statement");
    let with_another_key = signer.sign_as("k2", &json!({ "software_id": "tv-app" }));
    assert_eq!(refused(&register(&server, &with_another_key).await), "invalid_software_statement");
    let by_the_public_key = signer.sign_with_public_key(&json!({ "software_id": "tv-app" }));
    assert_eq!(refused(&register(&server, &by_the_public_key).await), "invalid_software_statement");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(refused(&register(&server, &statement).await), "invalid_software_statement");
}
