//! The client's address and the host of a call.

use passbridge::config::EnvironmentConfig;

use crate::support::{
    http::call,
    request,
    rest::{DEVICE_INFO, Device, ask_for_token, mint, register, statement_command, token_form},
    test_server::TestServer,
};

/// The address and port of the device's connection in the record.
async fn connection(server: &TestServer, code: &str) -> (String, Option<String>) {
    let read = server.codes().get_registration_code(request::get(code)).await.expect("reads").into_inner();
    let info = read.registration_code.expect("present").device_info.expect("present");
    let connection = info.connection.expect("present");
    (connection.ip_address.unwrap_or_default(), connection.port)
}

#[tokio::test]
async fn a_server_states_the_address_of_the_device_it_calls_for() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = device.create("").header("x-forwarded-for", "198.51.100.1, 203.0.113.7");
    let code = create.send().await.json(201)["code"].as_str().expect("a code").to_owned();
    assert_eq!(connection(&server, &code).await, ("203.0.113.7".to_owned(), None));

    let code = device.created().await;
    let (address, port) = connection(&server, &code).await;
    assert_eq!(address, "127.0.0.1");
    assert!(port.is_some_and(|port| port != "0"));
}

#[tokio::test]
async fn forwarded_addresses_count_only_from_a_trusted_proxy() {
    for (trusted, expected) in [(false, 429), (true, 404)] {
        let server = TestServer::configured(|config| {
            if trusted {
                config.rest.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            }
        });
        let device = Device::of(&server).await;
        for viewer in 0..10 {
            let miss = device.read("BCDFGHJ").header("x-forwarded-for", format!("203.0.113.{viewer}"));
            miss.send().await.error(404);
        }
        let next = device.read("BCDFGHJ").header("x-forwarded-for", "203.0.113.99").send().await;
        assert_eq!(next.status, expected, "{trusted}");
    }
}

fn two_hosts() -> TestServer {
    TestServer::configured(|config| {
        config.environments.insert("default".to_owned(), EnvironmentConfig::default());
        let hosts = vec!["staging.example.com".to_owned()];
        config
            .environments
            .insert("staging".to_owned(), EnvironmentConfig { hosts, ..EnvironmentConfig::default() });
    })
}

#[tokio::test]
async fn the_host_selects_the_environment() {
    let server = two_hosts();
    let statement = mint(&server, statement_command()).await;
    let registered = register(&server, &statement).await;
    let issued = call(server.rest_address(), "POST", "/o/client/token")
        .header("host", "Staging.example.com:443")
        .form(token_form(&registered))
        .send()
        .await
        .json(201);
    let device =
        Device { server: &server, token: issued["access_token"].as_str().expect("a token").to_owned() };

    let created = device.create("").header("host", "staging.example.com").send().await.json(201);
    let code = created["code"].as_str().expect("a code");
    let mut typed = request::get(code);
    typed.environment = "staging".to_owned();
    server.codes().get_registration_code(typed).await.expect("is in staging");

    let elsewhere = device.read(code).send().await;
    assert!(elsewhere.error(401).contains("another environment"), "{elsewhere:?}");
    device.read(code).header("host", "staging.example.com").send().await.json(200);
}

#[tokio::test]
async fn a_code_of_one_environment_is_not_found_in_another() {
    let server = two_hosts();
    let device = Device::of(&server).await;
    let mut there = request::create();
    there.environment = "staging".to_owned();
    let code = server.created_by(there).await.code;
    device.read(&code).send().await.error(404);
}

#[tokio::test]
async fn without_a_default_environment_the_host_must_be_known() {
    let server = TestServer::configured(|config| {
        for name in ["one", "two"] {
            let hosts = vec![format!("{name}.example.com")];
            config
                .environments
                .insert(name.to_owned(), EnvironmentConfig { hosts, ..EnvironmentConfig::default() });
        }
    });
    let statement = mint(&server, statement_command()).await;
    let body = serde_json::json!({ "software_statement": statement }).to_string();
    let register = |host| {
        call(server.rest_address(), "POST", "/o/client/register").header("host", host).body(body.clone())
    };
    register("two.example.com").send().await.json(201);
    let refused = register("three.example.com").send().await.json(400);
    assert_eq!(refused["error"], "invalid_request");
    let create = call(server.rest_address(), "POST", "/reggie/v1/REF/regcode.json?deviceId=a")
        .header("x-device-info", DEVICE_INFO)
        .send()
        .await;
    assert!(create.error(400).starts_with("Host"), "{create:?}");
}

#[tokio::test]
async fn a_statement_is_valid_only_in_its_environment() {
    let server = two_hosts();
    let mut command = statement_command();
    command.environments = vec!["staging".to_owned()];
    let statement = mint(&server, command).await;
    assert_eq!(register(&server, &statement).await.json(400)["error"], "unapproved_software_statement");

    let body = serde_json::json!({ "software_statement": statement }).to_string();
    let registered = call(server.rest_address(), "POST", "/o/client/register")
        .header("host", "staging.example.com")
        .body(body)
        .send()
        .await;
    let refused = ask_for_token(&server, token_form(&registered)).await.json(400);
    assert_eq!(refused["error"], "unauthorized_client");
}
