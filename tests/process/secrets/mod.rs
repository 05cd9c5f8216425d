//! No secret leaves through logs, spans, metrics, responses or the data folder. Every method and path is called in
//! every environment with the test's own secrets, at the most verbose log level.

mod message;
mod planted;
mod route;
mod rpc;
mod scene;

use std::{fs, path::Path};

use passbridge::admin::OperatorCommand;
use serde_json::json;

use crate::client::printed;
use message::MARK;
use scene::Scene;

#[tokio::test]
async fn no_call_leaks_a_secret_to_logs_spans_metrics_responses_or_data() {
    let mut scene = Scene::start().await;
    rpc::call_everything(&mut scene).await;
    route::call_everything(&mut scene).await;
    operate(&scene);
    fail_at_the_provider(&mut scene).await;
    scene.plant_what_the_provider_saw().await;

    let (_, metrics) = scene.server.page("/metrics");
    assert!(scene.server.terminate().await.success());
    let log = scene.server.rest_of_log();
    let (spans, data) = (scene.collector.everything(), bytes_below(&scene.data()));
    let audit = fs::read(scene.data().join("audit.log")).expect("readable");
    assert!(!log.contains("panicked"), "a call led to a panic");
    for (place, bytes) in [
        ("the log", log.as_bytes()),
        ("the spans", spans.as_bytes()),
        ("the metrics", metrics.as_bytes()),
        ("an answer", &scene.answers),
        ("the data folder", &data),
    ] {
        let found = scene.secrets.found_in(bytes);
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
    // Data about devices and viewers may be stored, but operators must not see it.
    let personal = &mut scene.personal;
    personal.add("text of a request", MARK);
    personal.add("a device's address", rpc::NETWORK);
    personal.add("a viewer's address", rpc::VIEWER_IP);
    assert!(!personal.found_in(&data).is_empty(), "the search finds what the data contains");
    for (place, bytes) in [
        ("the log", log.as_bytes()),
        ("the spans", spans.as_bytes()),
        ("the metrics", metrics.as_bytes()),
        ("the audit log", &audit),
    ] {
        let found = personal.found_in(bytes);
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
    for (place, expected) in [
        (&*log, "registered with the provider"),
        (&*spans, "CreateRegistrationCode"),
        (&*metrics, "rpc_server"),
    ] {
        assert!(place.contains(expected), "{expected} is not in the searched text");
    }
}

/// Runs every command against the running server.
fn operate(scene: &Scene) {
    let statement = "a-statement-that-is-taken-back";
    for arguments in [
        &["statement", "--requestor", "REF"][..],
        &["revoke", "--statement", statement],
        &["temp-pass", "schedules"],
        &["doctor", "--environment", "second", "--create", "REF"],
        &["keys", "rotate"],
    ] {
        printed(scene.command(arguments));
    }
    // Add new commands above.
    let _: fn(&OperatorCommand) = |command| match command {
        OperatorCommand::MintStatement(_)
        | OperatorCommand::Revoke(_)
        | OperatorCommand::ListSchedules
        | OperatorCommand::Examine(_)
        | OperatorCommand::RotateKeys => {}
    };
    scene.command(&["revoke", "--client", "not-a-client"]).failure();
    scene.command(&["statement", "--requestor", "not a requestor"]).failure();
}

/// Makes the provider reject, abort, and return unexpected responses for every call.
async fn fail_at_the_provider(scene: &mut Scene) {
    let faults = [
        json!({ "path": "/", "status": { "status": 401, "content_type": "application/json", "body": "{}" } }),
        json!({ "path": "/", "status": { "status": 403, "body": "<html>planted-page</html>" } }),
        json!({ "path": "/", "garbage": {} }),
        json!({ "path": "/", "close": {} }),
    ];
    for (round, fault) in faults.into_iter().enumerate() {
        scene.provider.fault(fault).await;
        rpc::call_upstreams(scene, round).await;
        scene.provider.clear_faults().await;
    }
}

/// Returns the name and content of every file.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        bytes.extend_from_slice(path.as_os_str().as_encoded_bytes());
        match path.is_dir() {
            true => bytes.extend(bytes_below(&path)),
            false => bytes.extend(fs::read(&path).expect("readable")),
        }
        bytes.push(0);
    }
    bytes
}
