//! Requests to the provider, validated against its OpenAPI files by Prism.

use passbridge::{
    config::{BackendKind, TokenParameters},
    proto::v1::{
        CreateRegistrationCodeRequest, Decision, GetTempPassRequest, ResetTempPassRequest,
        get_temp_pass_request, registration_code::State, reset_temp_pass_request,
    },
};

use crate::support::{
    Bridge, DEVICE_IP, authorize, create,
    prism::{self, Prism},
    provider::Provider,
    request::{REQUESTOR, get, roku},
    test_server::START,
};

#[tokio::test]
async fn requests_conform_to_the_providers_openapi_files() {
    let Some(folder) = prism::folder() else { return };
    let provider = Provider::start();
    provider.set_clock(START).await;
    let prism = Prism::before(&provider.url(), &folder);
    let url = format!("http://{}", prism.address());
    let bridge = Bridge::before(provider, BackendKind::V2, |config| {
        let environment = config.environments.get_mut("default").expect("present");
        environment.url = Some(url);
        // The OpenAPI file has the parameters in the query only.
        environment.token_parameters = TokenParameters::FormAndQuery;
    })
    .await;

    // Sessions, with only the required fields and with all fields, also for a device without an id.
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
    assert_eq!(read.registration_code.expect("present").id, bare.id);

    // Profiles by code.
    let mut stream = bridge.watch(&whole.code).await;
    bridge.provider.log_in(&whole.code, "Cablevision").await;
    let last = bridge.while_time_passes(stream.message()).await.expect("continues").expect("a message");
    assert_eq!(last.registration_code.expect("present").state(), State::Released);

    // Decisions, profiles by operator, and a reset, which the OpenAPI files do not describe.
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
        assert!(count > 0, "{path} was called");
    }
}
