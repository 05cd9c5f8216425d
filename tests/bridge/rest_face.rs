//! Devices in the field over the provider: they use v1 with every backend.

use base64::{Engine, engine::general_purpose::STANDARD};
use passbridge::{
    config::{BackendKind, ClientRegistrationMode, EnvironmentConfig},
    domain::clock::Timestamp,
    proto::v1::registration_code::State,
};
use serde_json::{Value, json};

use crate::support::{
    Bridge, bearer,
    http::{Call, call},
    provider::Provider,
    request::REQUESTOR,
    statement_file,
    test_server::{START, TestServer},
};

/// `{"model":"AFTMM","osName":"Android"}`
const DEVICE_INFO: &str = "eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9";
const CREATE: &str = "/reggie/v1/REF/regcode.json?deviceId=device";

/// A bridge that relays the registrations of devices to the provider.
async fn relay(backend: BackendKind) -> Bridge {
    Bridge::configured(backend, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.registration = Some(ClientRegistrationMode::Relay);
    })
    .await
}

/// A device that behaves as documented.
struct Device<'a> {
    bridge: &'a Bridge,
    token: String,
}

impl<'a> Device<'a> {
    /// A device that has registered with this statement.
    async fn of(bridge: &'a Bridge, statement: &str) -> Self {
        let body = json!({ "software_statement": statement, "redirect_uri": "app://done" }).to_string();
        let register = call(bridge.rest(), "POST", "/o/client/register").header("x-device-info", DEVICE_INFO);
        let registered =
            register.header("content-type", "application/json").body(body).send().await.json(201);
        let text = |key: &str| registered[key].as_str().expect("text").to_owned();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            text("client_id"),
            text("client_secret")
        );
        let ask = call(bridge.rest(), "POST", "/o/client/token").header("x-device-info", DEVICE_INFO);
        let issued = ask.form(form).send().await.json(201);
        Self { bridge, token: issued["access_token"].as_str().expect("a token").to_owned() }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let call = call(self.bridge.rest(), method, path).header("x-forwarded-for", "203.0.113.77");
        call.header("authorization", format!("Bearer {}", self.token))
    }

    fn create(&self, path: &str) -> Call {
        self.call("POST", path).header("x-device-info", DEVICE_INFO)
    }

    async fn created(&self) -> Value {
        self.create(CREATE).send().await.json(201)
    }
}

/// A statement issued by the server.
async fn own_statement(bridge: &Bridge) -> String {
    use passbridge::admin::{OperatorCommand, OperatorResponse, StatementCommand, ask};
    let command = StatementCommand { requestors: vec![REQUESTOR.to_owned()], ..StatementCommand::default() };
    match ask(&bridge.server.data(), &OperatorCommand::MintStatement(command)).await {
        Ok(Some(OperatorResponse::Statement(statement))) => statement.into_revealed(),
        other => panic!("no statement was issued: {other:?}"),
    }
}

#[tokio::test]
async fn a_device_gets_v1_responses_from_every_backend() {
    for backend in [BackendKind::Local, BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let device = Device::of(&bridge, &own_statement(&bridge).await).await;
        let created = device.created().await;
        assert_eq!((&created["requestor"], created["code"].as_str().map(str::len)), (&json!("REF"), Some(7)));
        assert_eq!(created["info"]["deviceId"], json!(STANDARD.encode("device")), "{backend:?}");
        assert_eq!(created["info"]["authorizationType"], "OAUTH2");
        let lifetime = created["expires"].as_u64().expect("ms") - created["generated"].as_u64().expect("ms");
        assert_eq!(lifetime, 1_800_000, "{backend:?}");
        let info = STANDARD.decode(created["info"]["deviceInfo"].as_str().expect("text")).expect("base64");
        let info: Value = serde_json::from_slice(&info).expect("JSON");
        assert_eq!((&info["model"], &info["operatingSystem"]["name"]), (&json!("AFTMM"), &json!("Android")));

        let code = created["code"].as_str().expect("text");
        let read = device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.json")).send().await.json(200);
        assert_eq!((&read["id"], &read["expires"]), (&created["id"], &created["expires"]), "{backend:?}");
        let xml = device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.xml")).send().await;
        let xml = xml.xml(200);
        for part in
            ["<ns2:regcode xmlns:ns2=\"model.mvc.reggie.pass.adobe.com\">", &format!("<code>{code}</code>")]
        {
            assert!(xml.contains(part), "{part}: {xml}");
        }
        let deleted = device.call("DELETE", &format!("/reggie/v1/REF/regcode/{code}")).send().await;
        assert_eq!(deleted.status, 204, "{backend:?}");
        let gone = device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.json")).send().await;
        gone.error(404);
    }
}

#[tokio::test]
async fn a_device_without_an_id_gets_one_in_two_calls() {
    for backend in [BackendKind::Local, BackendKind::V1, BackendKind::V2] {
        let bridge = Bridge::over(backend).await;
        let device = Device::of(&bridge, &own_statement(&bridge).await).await;
        bridge.provider.forget_calls().await;
        let first = device.create("/reggie/v1/REF/regcode.json?deviceId=dummy").send().await.json(201);
        let id = first["id"].as_str().expect("text");
        if backend == BackendKind::V2 {
            let calls = bridge.provider.calls_to("/api/v2/").await;
            assert!(calls.is_empty(), "v2 has no such call, so nothing is sent: {calls:?}");
            let code = first["code"].as_str().expect("text");
            let read =
                device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.json")).send().await.json(200);
            assert_eq!(read["id"], first["id"]);
        }
        let second =
            device.create(&format!("/reggie/v1/REF/regcode.json?deviceId={id}")).send().await.json(201);
        assert_eq!(second["info"]["deviceId"], json!(STANDARD.encode(id)), "{backend:?}");
        assert_ne!(second["code"], first["code"]);
        if backend == BackendKind::V2 {
            let calls = bridge.provider.calls_to("/api/v2/").await;
            let identifier = format!("fingerprint {}", STANDARD.encode(id));
            assert_eq!(calls[0]["headers"]["ap-device-identifier"], json!(identifier));
        }
    }
}

#[tokio::test]
async fn a_service_watches_the_code_of_a_device() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = relay(backend).await;
        let device = Device::of(&bridge, "the devices' statement").await;
        let code = device.created().await["code"].as_str().expect("text").to_owned();
        let mut stream = bridge.watch(&code).await;
        bridge.provider.log_in(&code, "Cablevision").await;
        let last = bridge.while_time_passes(stream.message()).await.expect("continues").expect("a message");
        assert_eq!(last.registration_code.expect("present").state(), State::Released);
    }
}

#[tokio::test]
async fn a_relayed_registration_returns_the_providers_response() {
    let bridge = relay(BackendKind::V1).await;
    let device = Device::of(&bridge, "the devices' statement").await;
    assert_eq!(bridge.provider.issued().await, (1, 1), "the device's registration");
    device.created().await;
    let creates = bridge.provider.calls_to("/reggie/").await;
    assert_eq!(creates[0]["headers"]["authorization"], json!(format!("Bearer {}", device.token)));
    assert_eq!(creates[0]["headers"]["x-forwarded-for"], "203.0.113.77");
    assert_eq!(bridge.provider.issued().await, (1, 1), "our own credentials were not needed");

    let refused =
        call(bridge.rest(), "POST", "/o/client/register").header("content-type", "application/json");
    let refused = refused.header("x-device-info", DEVICE_INFO);
    let refused = refused.body(json!({ "software_statement": "unapproved" }).to_string()).send().await;
    assert_eq!(refused.json(400)["error"], "unapproved_software_statement");
}

#[tokio::test]
async fn over_v2_our_credentials_are_used_and_tokens_must_be_relayed() {
    let bridge = relay(BackendKind::V2).await;
    let device = Device::of(&bridge, "the devices' statement").await;
    device.created().await;
    let sessions = bridge.provider.calls_to("/api/v2/").await;
    let sent = sessions[0]["headers"]["authorization"].as_str().expect("text");
    assert!(sent.starts_with("Bearer ") && !sent.contains(&device.token));

    // A valid token of the provider that was not relayed.
    let elsewhere = relay(BackendKind::V2).await;
    let stranger = Device { bridge: &bridge, token: Device::of(&elsewhere, "another").await.token };
    bridge.provider.forget_calls().await;
    stranger.create(CREATE).send().await.error(401);
    assert_eq!(bridge.provider.calls().await.len(), 0);

    // The age of the token does not depend on the wall clock.
    let day = std::time::Duration::from_secs(24 * 3600);
    bridge.server.clock.step_to(Timestamp::from_millis(START) + day);
    bridge.provider.advance(24 * 3600 * 1000).await;
    device.created().await;
    bridge.advance(std::time::Duration::from_secs(6 * 3600)).await;
    device.create(CREATE).send().await.error(401);
}

#[tokio::test]
async fn an_unknown_token_is_refused_everywhere() {
    for backend in [BackendKind::V1, BackendKind::V2] {
        let bridge = relay(backend).await;
        let device = Device::of(&bridge, "the devices' statement").await;
        let code = device.created().await["code"].as_str().expect("text").to_owned();
        let stranger = Device { bridge: &bridge, token: "made-up".to_owned() };
        let path = format!("/reggie/v1/REF/regcode/{code}.json");
        let reset = "/reset-tempass/v3/reset?requestor_id=REF&mvpd_id=TempPass&format=json";
        stranger.create(CREATE).send().await.error(401);
        stranger.call("GET", &path).send().await.error(401);
        stranger.call("DELETE", &path).send().await.error(401);
        stranger.call("DELETE", reset).send().await.error(401);
        device.call("GET", &path).send().await.json(200);
    }
}

#[tokio::test]
async fn for_a_local_requestor_tokens_must_be_relayed() {
    let bridge = Bridge::configured(BackendKind::V1, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.registration = Some(ClientRegistrationMode::Relay);
        environment.requestors.get_mut(REQUESTOR).expect("present").backend = Some(BackendKind::Local);
    })
    .await;
    let device = Device::of(&bridge, "the devices' statement").await;
    let code = device.created().await["code"].as_str().expect("text").to_owned();
    let path = format!("/reggie/v1/REF/regcode/{code}.json");
    let stranger = Device { bridge: &bridge, token: "made-up".to_owned() };
    stranger.create(CREATE).send().await.error(401);
    stranger.call("GET", &path).send().await.error(401);
    stranger.call("DELETE", &path).send().await.error(401);
    device.call("GET", &path).send().await.json(200);
    // The provider's permissions do not apply to the local backend, so a relayed token cannot reset.
    let reset = "/reset-tempass/v3/reset?requestor_id=REF&mvpd_id=TempPass&format=json";
    device.call("DELETE", reset).send().await.error(403);
}

#[tokio::test]
async fn errors_unknown_to_v1_have_its_error_format() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = Device::of(&bridge, &own_statement(&bridge).await).await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "status": { "status": 500, "content_type": "text/html", "body": "" } })).await;
    device.create(CREATE).send().await.error(503);
    bridge.provider.clear_faults().await;
    bridge.provider.fault(json!({ "path": "/api/v2/", "status": { "status": 403, "content_type": "text/html", "body": "" } })).await;
    let refused = device.create(CREATE).send().await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (429, "text/html"));
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_code_with_partial_v2_data_is_not_found_in_v1() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let device = Device::of(&bridge, &own_statement(&bridge).await).await;
    let elsewhere = statement_file("another installation's");
    let url = bridge.provider.url();
    let other = TestServer::configured(|config| {
        crate::support::environment(config, &url, BackendKind::V2, elsewhere.path());
    });
    let code = other.created_by(crate::support::create()).await.code;
    device.call("GET", &format!("/reggie/v1/REF/regcode/{code}.json")).send().await.error(404);
}

#[tokio::test]
async fn other_paths_are_forwarded_unchanged_if_configured() {
    let bridge = Bridge::over(BackendKind::V2).await;
    let answer = call(bridge.rest(), "GET", "/elsewhere?a=1").send().await;
    assert_eq!(answer.status, 404, "not configured");

    let provider = Provider::start();
    let url = provider.url();
    let bridge = Bridge::before(provider, BackendKind::Local, |config| {
        config.environments.get_mut("default").expect("present").passthrough = Some(url);
    })
    .await;
    let token = bearer(&bridge).await;
    let through = |method: &str, path: &str| {
        call(bridge.rest(), method, path)
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-for", "203.0.113.77")
    };
    let answer =
        through("POST", "/api/v1/authorize?a=1&b=%2F").header("x-mine", "kept").header("te", "trailers");
    let answer =
        answer.header("connection", "x-gone").header("x-gone", "1").body("x".repeat(70_000)).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let echo: Value = serde_json::from_str(&answer.body).expect("JSON");
    let echo = &echo["echo"];
    assert_eq!(
        (&echo["method"], &echo["path"], &echo["query"]),
        (&json!("POST"), &json!("/api/v1/authorize"), &json!("a=1&b=%2F"))
    );
    assert_eq!(echo["body_length"], 70_000);
    assert_eq!(
        (&echo["headers"]["x-mine"], &echo["headers"]["x-forwarded-for"]),
        (&json!("kept"), &json!("203.0.113.77"))
    );
    assert!(echo["headers"].get("te").is_none() && echo["headers"].get("x-gone").is_none(), "{echo}");

    let streamed = through("GET", "/api/v1/stream?bytes=3000000").send().await;
    assert_eq!(streamed.body.len(), 3_000_000);
    let too_large = through("POST", "/api/v1/authorize").body("x".repeat(200_000)).send().await;
    assert_eq!(too_large.status, 413, "{too_large:?}");
}

#[tokio::test]
async fn other_paths_go_to_the_upstream_of_their_hosts_environment() {
    let (production, staging) = (Provider::start(), Provider::start());
    let server = TestServer::configured(|config| {
        let to = |name: &str, passthrough: Option<String>| {
            let hosts = vec![format!("{name}.example.com")];
            (name.to_owned(), EnvironmentConfig { hosts, passthrough, ..EnvironmentConfig::default() })
        };
        config.environments = [
            to("production", Some(production.url())),
            to("staging", Some(staging.url())),
            to("closed", None),
        ]
        .into();
    });
    let path = "/api/v1/checkauthn";
    let ask = async |method: &str, host: &str| {
        call(server.rest_address(), method, path).header("host", host).body("a=1").send().await
    };
    let closed = ask("POST", "closed.example.com").await;
    assert_eq!((closed.status.as_u16(), closed.header("connection")), (404, "close"), "the body is not read");
    let unknown = ask("GET", "elsewhere.example.com").await;
    assert_eq!(unknown.status, 400, "no environment has this host: {unknown:?}");
    assert!(unknown.body.contains("Host"), "{unknown:?}");
    assert_eq!(production.calls_to(path).await.len() + staging.calls_to(path).await.len(), 0);

    ask("GET", "Production.example.com:8443").await;
    assert_eq!((production.calls_to(path).await.len(), staging.calls_to(path).await.len()), (1, 0));
    ask("GET", "staging.example.com").await;
    assert_eq!((production.calls_to(path).await.len(), staging.calls_to(path).await.len()), (1, 1));
}

#[tokio::test]
async fn forwarded_calls_have_the_user_agent_of_the_device_or_this_server() {
    let provider = Provider::start();
    let url = provider.url();
    let bridge = Bridge::before(provider, BackendKind::V1, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.passthrough = Some(url);
        environment.registration = Some(ClientRegistrationMode::Relay);
    })
    .await;
    let own = concat!("passbridge/", env!("CARGO_PKG_VERSION"));
    let roku = "Roku/DVP-12.0 (062.00E04156A)";
    for (user_agent, expected) in [(None, own), (Some(""), own), (Some(roku), roku)] {
        bridge.provider.forget_calls().await;
        for (method, path) in
            [("POST", "/o/client/register"), ("POST", "/o/client/token"), ("GET", "/api/v1/authorize")]
        {
            let call = call(bridge.rest(), method, path);
            match user_agent {
                Some(user_agent) => call.header("user-agent", user_agent),
                None => call,
            }
            .send()
            .await;
        }
        let calls = bridge.provider.calls().await;
        let user_agents: Vec<_> = calls.iter().map(|call| call["headers"]["user-agent"].as_str()).collect();
        assert_eq!(user_agents, [Some(expected); 3], "{user_agent:?}");
    }
}
