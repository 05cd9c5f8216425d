//! `/reset-tempass/v3`: as documented, and stricter where a mistake would reset too much.

use passbridge::{
    admin::StatementCommand,
    proto::v1::{GetTempPassRequest, get_temp_pass_request::Identity, temp_pass::State},
};

use crate::{
    grpc::temp_pass::authorize,
    support::{
        http::Answer,
        rest::{Device, access_token, statement_command},
        test_server::{TestServer, environment},
    },
};

const KEY: &str = "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7";
const BASIC: &str = "requestor_id=REF&mvpd_id=TempPass";
const GENERIC: &str = "requestor_id=REF&mvpd_id=TempPassREF";

/// A client of a support team, with the permission to reset.
async fn support(server: &TestServer) -> Device<'_> {
    Device { server, token: access_token(server, resetting(statement_command())).await }
}

fn resetting(command: StatementCommand) -> StatementCommand {
    let permissions = ["temp_passes.reset", "temp_passes.reset_all"].map(str::to_owned).into();
    StatementCommand { permissions, ..command }
}

async fn reset(device: &Device<'_>, query: &str) -> Answer {
    let path = format!("/reset-tempass/v3/reset?{query}");
    device.call("DELETE", &path).header("accept", "application/json").send().await
}

async fn reset_generic(device: &Device<'_>, query: &str) -> Answer {
    let path = format!("/reset-tempass/v3/reset/generic?{query}");
    device.call("DELETE", &path).header("accept", "application/json").send().await
}

async fn start(server: &TestServer, mvpd: &str, device: &str, key: Option<&str>) {
    server.temp_passes().authorize_temp_pass(authorize(mvpd, device, key, "1")).await.expect("authorizes");
}

async fn has_started(server: &TestServer, mvpd: &str, device: &str, key: Option<&str>) -> bool {
    let request = GetTempPassRequest {
        requestor_id: "REF".to_owned(),
        mvpd_id: mvpd.to_owned(),
        device_id: device.to_owned(),
        identity: key.map(|key| Identity::GenericKey(key.to_owned())),
        ..GetTempPassRequest::default()
    };
    let answer = server.temp_passes().get_temp_pass(request).await.expect("answers").into_inner();
    answer.temp_pass.expect("present").state() != State::NotStarted
}

#[tokio::test]
async fn a_reset_covers_one_device_or_all() {
    let server = TestServer::start();
    let device = support(&server).await;
    for id in ["a", "b", "c"] {
        start(&server, "TempPass", id, None).await;
    }
    let answer = reset(&device, &format!("{BASIC}&device_id=a")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{answer:?}");
    assert!(!has_started(&server, "TempPass", "a", None).await);
    assert!(has_started(&server, "TempPass", "b", None).await);
    for all in ["", "&device_id=all"] {
        start(&server, "TempPass", "b", None).await;
        assert_eq!(reset(&device, &format!("{BASIC}{all}")).await.status, 204, "{all:?}");
        assert!(!has_started(&server, "TempPass", "b", None).await, "{all:?}");
    }
}

/// The two examples of the documents verbatim, except for host and token.
#[tokio::test]
async fn the_documented_examples_work_without_configuration() {
    let server = TestServer::start();
    let token = access_token(&server, resetting(StatementCommand::default())).await;
    let device = Device { server: &server, token };
    for path in [
        "/reset-tempass/v3/reset?device_id=all&requestor_id=AdobeBEAST&mvpd_id=TempPass",
        "/reset-tempass/v3/reset/generic?key=f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7\
         &requestor_id=REF&mvpd_id=TempPassREF",
    ] {
        assert_eq!(device.call("DELETE", path).send().await.status, 204, "{path}");
    }
}

#[tokio::test]
async fn a_generic_reset_covers_one_key_or_all() {
    let server = TestServer::start();
    let device = support(&server).await;
    for query in [format!("{GENERIC}&key={KEY}"), GENERIC.to_owned(), format!("{GENERIC}&key=all")] {
        start(&server, "TempPassREF", "a", Some(KEY)).await;
        assert_eq!(reset_generic(&device, &query).await.status, 204, "{query}");
        assert!(!has_started(&server, "TempPassREF", "a", Some(KEY)).await, "{query}");
    }
}

#[tokio::test]
async fn a_malformed_reset_resets_nothing() {
    let server = TestServer::start();
    let device = support(&server).await;
    start(&server, "TempPass", "a", None).await;
    start(&server, "TempPassREF", "a", Some(KEY)).await;
    for (query, named) in [
        ("deviceid=a", "deviceid"),
        ("device_ID=a", "device_ID"),
        ("device_id=a&device_id=a", "device_id"),
        ("device_id=", "device_id"),
        ("device_id=ALL", "device_id"),
        ("device_id=%20all", "device_id"),
        ("device_id=%FF", "device_id"),
        ("device_id=a&app_id=x", "app_id"),
        ("appId=app", "device_id"),
        ("device_id=a&environment=staging", "environment"),
        ("device_id=a&environment=default&environment=default", "environment"),
        ("key=all", "key"),
        ("appId=", "appId"),
        ("device_id=a&deviceUser=", "deviceUser"),
        ("device_id=a&environment=", "environment"),
    ] {
        let message = reset(&device, &format!("{BASIC}&{query}")).await.error(400);
        assert!(message.starts_with(&format!("{named}: ")), "{query}: {message}");
    }
    for (query, named) in [
        ("key=", "key"),
        ("key=All", "key"),
        ("key=f7ee", "key"),
        ("device_id=all", "device_id"),
        (&format!("key={KEY}&key={KEY}"), "key"),
    ] {
        let message = reset_generic(&device, &format!("{GENERIC}&{query}")).await.error(400);
        assert!(message.starts_with(&format!("{named}: ")), "{query}: {message}");
    }
    let path = format!("/reset-tempass/v3/reset?{BASIC}&device_id=all&format=json");
    let twice = device.call("DELETE", &path).form("device_id=all").send().await;
    assert!(twice.error(400).starts_with("device_id: "), "{twice:?}");
    assert_eq!(reset(&device, "mvpd_id=TempPass").await.error(400), "Required 'requestor_id' is not present");
    assert_eq!(reset(&device, "requestor_id=REF").await.error(400), "Required 'mvpd_id' is not present");
    reset(&device, "requestor_id=REF&mvpd_id=Unknown&device_id=a").await.error(400);
    reset_generic(&device, &format!("{BASIC}&key={KEY}")).await.error(400);
    let get = device.call("GET", "/reset-tempass/v3/reset?format=json").send().await;
    assert_eq!((get.error(405).is_empty(), get.header("allow")), (false, "DELETE"));
    assert!(has_started(&server, "TempPass", "a", None).await);
    assert!(has_started(&server, "TempPassREF", "a", Some(KEY)).await);
}

#[tokio::test]
async fn the_environment_parameter_may_repeat_the_hosts_environment() {
    let server = TestServer::configured(|config| environment(config, "release", &[]));
    let device = support(&server).await;
    assert_eq!(reset(&device, &format!("{BASIC}&device_id=a&environment=release")).await.status, 204);
}

#[tokio::test]
async fn the_token_of_a_tv_cannot_reset() {
    let server = TestServer::start();
    let television = Device::of(&server).await;
    start(&server, "TempPass", "a", None).await;
    start(&server, "TempPassREF", "a", Some(KEY)).await;
    for query in ["&device_id=a", "&device_id=all", ""] {
        let message = reset(&television, &format!("{BASIC}{query}")).await.error(403);
        assert!(message.contains("temp_passes.reset"), "{message}");
    }
    for query in [format!("&key={KEY}"), "&key=all".to_owned(), String::new()] {
        reset_generic(&television, &format!("{GENERIC}{query}")).await.error(403);
    }
    assert!(has_started(&server, "TempPass", "a", None).await);
    assert!(has_started(&server, "TempPassREF", "a", Some(KEY)).await);
    television.created().await;
}

#[tokio::test]
async fn resetting_all_requires_its_own_permission() {
    let server = TestServer::start();
    let command =
        StatementCommand { permissions: vec!["temp_passes.reset".to_owned()], ..statement_command() };
    let device = Device { server: &server, token: access_token(&server, command).await };
    assert_eq!(reset(&device, &format!("{BASIC}&device_id=a")).await.status, 204);
    for all in ["", "&device_id=all"] {
        let message = reset(&device, &format!("{BASIC}{all}")).await.error(403);
        assert!(message.contains("temp_passes.reset_all"), "{message}");
    }
    let stranger = Device { server: &server, token: "none".to_owned() };
    reset(&stranger, BASIC).await.error(401);
}
