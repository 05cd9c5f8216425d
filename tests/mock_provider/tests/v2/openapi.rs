//! Responses of the mock provider, validated against the provider's OpenAPI files by Prism.

use serde_json::{Value, json};

use crate::support::{
    Provider, complete, encoded,
    http::Call,
    prism::{self, Prism},
};

/// Sends a call through Prism, which responds with an error if the call or the response does not conform.
async fn sent(call: Call, status: u16) -> Value {
    let answer = call.header("accept", "application/json").send().await;
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers.get("sl-violations"), None, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// A call with a form, which the OpenAPI file requires.
fn form(call: Call, form: &str) -> Call {
    call.form(form.to_owned())
}

#[tokio::test]
async fn responses_conform_to_the_providers_openapi_files() {
    let Some(folder) = prism::folder() else { return };
    let mut provider = Provider::start().await;
    let prism = Prism::before(&provider.origin(), &folder);
    provider.address = prism.address();
    let get = |path: &str| provider.of("tv", "GET", &format!("/api/v2/REF/{path}"));
    let post = |path: &str| provider.of("tv", "POST", &format!("/api/v2/REF/{path}"));

    let apple = encoded(&json!({ "model": "AppleTV", "osName": "tvOS" }));
    let configuration = provider.call("GET", "/api/v2/REF/configuration").header("x-device-info", apple);
    let configuration = sent(configuration, 200).await;
    assert_eq!(configuration["requestor"]["id"], "REF");

    // Sessions: incomplete, complete and expired.
    let open = sent(form(post("sessions"), "mvpd=Cablevision"), 200).await;
    assert_eq!(open["actionName"], "resume");
    let path = format!("sessions/{}", open["code"].as_str().expect("a code"));
    assert_eq!(sent(form(post(&path), "domainName=example.com"), 200).await["actionName"], "retry");
    sent(get(&path), 200).await;
    assert_eq!(sent(form(post(&path), &complete("Cablevision")), 200).await["actionName"], "authenticate");
    let login = json!({ "service_provider": "REF", "code": open["code"], "mvpd": "Cablevision" });
    provider.control("POST", "login", login).await;
    assert_eq!(sent(form(post(&path), &complete("Cablevision")), 200).await["actionName"], "authorize");
    assert_eq!(sent(get("sessions/NOSUCH1"), 400).await["code"], "invalid_parameter_code");

    // Profiles of all kinds.
    let mvpds = ["Cablevision", "Comcast_SSO", "Spectrum", "Dish"];
    for (mvpd, kind) in mvpds.iter().zip(["regular", "appleSSO", "platformSSO", "serviceTokenSSO"]) {
        let failed = json!({ "error": "invalid_configuration_user_metadata_certificate" });
        let profile = json!({
            "service_provider": "REF", "device_id": "tv", "mvpd": mvpd, "type": kind,
            "attributes": { "number": 1, "encrypted": failed },
        });
        provider.control("POST", "profiles", profile).await;
    }
    assert_eq!(sent(get("profiles"), 200).await["profiles"].as_object().expect("a map").len(), 4);
    for path in ["profiles/Cablevision", &path.replace("sessions", "profiles/code")] {
        assert!(sent(get(path), 200).await["profiles"]["Cablevision"].is_object(), "{path}");
    }
    provider.control("POST", "settings", json!({ "trial_profiles": "usable" })).await;
    let identity = encoded(&json!({ "email": "ann@example.com" }));
    let promotional = get("profiles/TempPassREF").header("ap-temppass-identity", &identity);
    assert!(sent(promotional, 200).await["profiles"]["TempPassREF"].is_object());

    // Decisions: permitted, denied, and with too many resources.
    provider
        .control("POST", "verdicts", json!({ "resource": "b", "code": "authorization_denied_by_mvpd" }))
        .await;
    let decision_call = |question: &str, mvpd: &str, resources: &[&str]| {
        provider.decision_call("tv", question, mvpd, resources)
    };
    for question in ["authorize", "preauthorize"] {
        let decisions = sent(decision_call(question, "Cablevision", &["a", "b"]), 200).await;
        assert_eq!(decisions["decisions"][1]["authorized"], false, "{decisions}");
        sent(decision_call(question, "TempPass", &["a"]), 200).await;
    }
    let six = decision_call("preauthorize", "Cablevision", &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(sent(six, 400).await["code"], "too_many_resources");

    // Single sign-on.
    let status = encoded(&json!({
        "frameworkPermissionInfo": { "accessStatus": "granted" },
        "frameworkProviderInfo": { "id": "Cablevision", "expirationDate": "9999999999999" },
    }));
    let with_status = |path: &str| post(path).header("ap-partner-framework-status", &status);
    sent(
        form(
            with_status("sessions/sso/Apple"),
            "domainName=example.com&redirectUrl=https%3A%2F%2Fexample.com",
        ),
        200,
    )
    .await;
    sent(form(with_status("profiles/sso/Apple"), "SAMLResponse=PGE%2BPC9hPg%3D%3D"), 200).await;

    // Logouts.
    for mvpd in mvpds.iter().chain(&["TempPass"]) {
        let path = format!("logout/{mvpd}?redirectUrl=https%3A%2F%2Fexample.com");
        assert!(sent(get(&path), 200).await["logouts"][mvpd].is_object(), "{mvpd}");
    }

    // An error of each status in the file.
    for (code, status) in [
        ("invalid_integration", 400),
        ("invalid_access_token_client_application", 401),
        ("internal_error", 405),
        ("internal_server_error", 500),
    ] {
        let problem = json!({ "code": code, "status": status, "details": "text" });
        provider
            .control("POST", "faults", json!({ "path": "/api/v2/", "times": 1, "problem": problem }))
            .await;
        assert_eq!(sent(get("profiles"), status).await["code"], code);
    }
}
