//! What is sent to the provider, validated against its own OpenAPI files by Prism (<https://stoplight.io/open-source/prism>),
//! which stands between passbridge and the provider and refuses whatever is not as they say, in either direction.
//!
//! The files are not ours to keep here: `PROVIDER_OPENAPI` names the folder that has them.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use passbridge::{
    config::{Backend, TokenParameters},
    proto::v1::{
        CreateRegistrationCodeRequest, Decision, GetTempPassRequest, ResetTempPassRequest,
        get_temp_pass_request, registration_code::State, reset_temp_pass_request,
    },
};
use serde_json::{Map, Value, json};

use crate::support::{
    Bridge, DEVICE_IP, authorize, create,
    provider::Provider,
    request::{REQUESTOR, get, roku},
    test_server::START,
};

/// Prism before a provider. It is killed with the test.
struct Prism {
    address: SocketAddr,
    child: Child,
}

impl Prism {
    fn before(provider: &Provider, description: &Path) -> Self {
        let mut child = Command::new("prism")
            .args(["proxy", "--errors", "--host", "127.0.0.1", "--port", "0"])
            .arg(description)
            .arg(provider.url())
            .env_remove("NODE_ENV")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("prism is needed on the PATH: npm install @stoplight/prism-cli");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(lines.read_line(&mut line).expect("readable") > 0, "prism ended");
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().expect("an address");
            }
        };
        // It says something of each call, and would wait for somebody to read it.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { address, child }
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two files as one, with their paths as they are called, and two corrections.
fn description(folder: &Path) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for (file, prefix) in [("dcrApi.json", "/o"), ("restApiV2.json", "/api/v2")] {
        let text =
            std::fs::read_to_string(folder.join(file)).expect("PROVIDER_OPENAPI has the provider's files");
        let mut one: Value = serde_json::from_str(&text).expect("JSON");
        let of_one = std::mem::take(&mut one["paths"]);
        paths.extend(
            of_one
                .as_object()
                .expect("paths")
                .clone()
                .into_iter()
                .map(|(path, item)| (prefix.to_owned() + &path, item)),
        );
        schemas.extend(one["components"]["schemas"].as_object().expect("schemas").clone());
    }
    // The pages have a form here, and these parameters in it.
    paths["/o/client/token"]["post"]["requestBody"] = json!({ "content": { "*/*": {} } });
    // The pages' examples have text here, and values of other types.
    schemas["ErrorInformation"]["properties"]["message"] = json!({});
    schemas["UserMetadataResponse"]["properties"]["value"] = json!({});
    for path in ["/reset-tempass/v3/reset", "/reset-tempass/v3/reset/generic"] {
        let any = json!({ "responses": { "default": { "description": "not described" } } });
        paths.insert(path.to_owned(), json!({ "delete": any, "get": any }));
    }
    json!({
        "openapi": "3.0.1",
        "info": { "title": "what is called", "version": "1" },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

#[tokio::test]
async fn what_is_sent_is_what_the_providers_own_description_asks_for() {
    let Some(folder) = env::var_os("PROVIDER_OPENAPI").filter(|folder| !folder.is_empty()) else {
        println!(
            "SKIPPED: PROVIDER_OPENAPI is not set, so nothing is validated against the provider's files"
        );
        return;
    };
    let provider = Provider::start();
    provider.set_clock(START).await;
    let combined = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
    std::fs::write(combined.path(), description(Path::new(&folder)).to_string()).expect("writes");
    let prism = Prism::before(&provider, combined.path());
    let url = format!("http://{}", prism.address);
    let bridge = Bridge::before(provider, Backend::V2, |config| {
        let environment = config.environments.get_mut("default").expect("is there");
        environment.url = Some(url);
        // The file has the parameters in the query only.
        environment.token_parameters = TokenParameters::FormAndQuery;
    })
    .await;

    // Sessions, with nothing that may be left out and with all of it; for a device without an id too.
    let bare = bridge.created().await;
    let whole = bridge
        .server
        .created_by(CreateRegistrationCodeRequest {
            mvpd_id: "Cablevision".to_owned(),
            domain_name: "example.com".to_owned(),
            redirect_url: "https://example.com/done".to_owned(),
            user_agent: "Roku/DVP-12.0".to_owned(),
            device_id: None,
            ..create()
        })
        .await;
    let mut codes = bridge.server.codes();
    let read = codes.get_registration_code(get(&bare.code)).await.expect("reads").into_inner();
    assert_eq!(read.registration_code.expect("is there").id, bare.id);

    // Profiles by code.
    let mut stream = bridge.watch(&whole.code).await;
    bridge.provider.log_in(&whole.code, "Cablevision").await;
    let last = bridge.while_time_passes(stream.message()).await.expect("goes on").expect("a message");
    assert_eq!(last.registration_code.expect("is there").state(), State::Released);

    // Decisions, profiles by operator, and a reset, which is not described.
    let mut temp_passes = bridge.server.temp_passes();
    let decided = temp_passes
        .authorize_temp_pass(authorize("the device", "TempPass", "channel"))
        .await
        .expect("decides")
        .into_inner();
    assert_eq!(decided.decision(), Decision::Permit);
    let look = GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        device_id: "the device".to_owned(),
        device: Some(get_temp_pass_request::Device::DeviceInfo(roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..GetTempPassRequest::default()
    };
    temp_passes.get_temp_pass(look).await.expect("answers");
    let reset = ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        target: Some(reset_temp_pass_request::Target::DeviceId("the device".to_owned())),
        ..ResetTempPassRequest::default()
    };
    temp_passes.reset_temp_pass(reset).await.expect("resets");

    let reached = bridge.provider.calls().await;
    for path in [
        "/o/client/register",
        "/o/client/token",
        "/api/v2/REF/sessions",
        "/api/v2/REF/profiles/code/",
        "/api/v2/REF/decisions/",
    ] {
        let count =
            reached.iter().filter(|call| call["path"].as_str().expect("text").starts_with(path)).count();
        assert!(count > 0, "{path} went through");
    }
}
