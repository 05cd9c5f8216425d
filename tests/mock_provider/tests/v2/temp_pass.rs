//! TempPasses: trials without a login.

use serde_json::{Value, json};

use crate::support::{Provider, encoded, ok, refused};

const USED_UP: [&str; 2] =
    ["temporary_access_duration_limit_exceeded", "temporary_access_resources_limit_exceeded"];

/// A provider with TempPasses as documented, and one that allows two resources in one minute.
async fn documented() -> Provider {
    let provider = Provider::start().await;
    provider.control("POST", "settings", json!({ "trial_profiles": "usable" })).await;
    let trial = json!({ "duration_ms": 60_000, "max_resources": 2 });
    let promotional = json!({ "id": "Flexible", "isTempPass": true, "behavior": { "trial": trial } });
    provider.control("POST", "mvpds", promotional).await;
    provider
}

fn identity(email: &str) -> String {
    encoded(&json!({ "email": email }))
}

async fn authorized(provider: &Provider, device: &str, email: &str, resource: &str) -> Value {
    let call = provider.decision_call(device, "authorize", "Flexible", &[resource]);
    ok(&call.header("ap-temppass-identity", identity(email)).send().await)["decisions"][0].clone()
}

#[tokio::test]
async fn a_basic_trial_starts_with_its_first_authorization_and_expires() {
    let provider = documented().await;
    let of = async || provider.profiles("tv", "/TempPass_10min").await["TempPass_10min"].clone();
    let before = of().await;
    assert_eq!((&before["type"], &before["issuer"]), (&json!("temporary"), &json!("Adobe")));
    assert!(before["attributes"]["userID"]["value"].as_str().expect("text").starts_with("temppass_"));
    provider.advance(3_600_000).await;
    assert_ne!(of().await["notAfter"], before["notAfter"], "reading the profile does not start the trial");

    let decisions = provider.decide("tv", "preauthorize", "TempPass_10min", &["news", "sports"]).await;
    assert!(decisions.iter().all(|decision| decision["authorized"] == true), "{decisions:?}");
    let decisions = provider.decide("tv", "authorize", "TempPass_10min", &["news"]).await;
    assert_eq!((&decisions[0]["source"], &decisions[0]["authorized"]), (&json!("temppass"), &json!(true)));
    let profile = of().await;
    assert_eq!(profile["notAfter"], decisions[0]["notAfter"]);
    assert_eq!(profile["attributes"]["expiration_date"]["value"], profile["notAfter"]);

    provider.advance(10 * 60 * 1000).await;
    for question in ["authorize", "preauthorize"] {
        let decisions = provider.decide("tv", question, "TempPass_10min", &["news"]).await;
        assert_eq!(decisions[0]["error"]["code"], USED_UP[0]);
    }
    let answer = provider.of("tv", "GET", "/api/v2/REF/profiles/TempPass_10min").send().await;
    assert_eq!(refused(&answer, 403), USED_UP[0]);
    let reset = "/reset-tempass/v3/reset?requestor_id=REF&mvpd_id=TempPass_10min&device_id=tv";
    assert_eq!(provider.call("DELETE", reset).send().await.status, 204);
    assert!(of().await.is_object(), "the trial starts again");
}

#[tokio::test]
async fn a_promotional_trial_also_ends_with_its_resources() {
    let provider = documented().await;
    let of = async |device: &str, email: &str| {
        let call = provider.of(device, "GET", "/api/v2/REF/profiles/Flexible");
        call.header("ap-temppass-identity", identity(email)).send().await
    };
    for resource in ["a", "b"] {
        assert_eq!(authorized(&provider, "tv", "ann@example.com", resource).await["authorized"], true);
        if resource == "a" {
            let profile =
                ok(&of("tv", "ann@example.com").await)["profiles"]["Flexible"]["attributes"].clone();
            assert_eq!(profile["remaining_resources"]["value"], 1);
            assert_eq!(profile["used_assets"]["value"], json!(["a"]));
        }
    }
    let denied = authorized(&provider, "tv", "ann@example.com", "c").await;
    assert_eq!((&denied["authorized"], &denied["error"]["code"]), (&json!(false), &json!(USED_UP[1])));
    assert_eq!(denied["error"]["action"], "authentication");
    assert_eq!(refused(&of("tv", "ann@example.com").await, 403), USED_UP[1]);
    assert_eq!(
        refused(&of("another", "ann@example.com").await, 403),
        USED_UP[1],
        "the trial follows the viewer"
    );
    ok(&of("another", "bob@example.com").await);
    provider.advance(60_000).await;
    assert_eq!(authorized(&provider, "tv", "ann@example.com", "a").await["error"]["code"], USED_UP[0]);
}

#[tokio::test]
async fn a_promotional_trial_requires_the_viewers_identity() {
    let provider = documented().await;
    for header in ["", "no base64!", "W10=", "e30="] {
        let calls = [
            provider.of("tv", "GET", "/api/v2/REF/profiles/Flexible"),
            provider.decision_call("tv", "authorize", "Flexible", &["a"]),
        ];
        for call in calls {
            let answer = call.header("ap-temppass-identity", header).send().await;
            assert_eq!(refused(&answer, 400), "invalid_header_identity_for_temporary_access", "{header:?}");
        }
    }
}

#[tokio::test]
async fn the_code_of_a_session_that_names_a_temp_pass_shows_its_profile() {
    let provider = documented().await;
    let session = provider.session("tv", "").await;
    let code = session["code"].as_str().expect("a code");
    ok(&provider.call("POST", &format!("/api/v2/REF/sessions/{code}")).form("mvpd=TempPass").send().await);
    let profiles = provider.profiles("tv", &format!("/code/{code}")).await;
    assert_eq!(profiles["TempPass"]["type"], "temporary");
    provider.decide("tv", "authorize", "TempPass", &["news"]).await;
    provider.control("POST", "settings", json!({ "session_ms": 86_400_000 })).await;
    provider.advance(29 * 60 * 1000).await;
    assert!(provider.profiles("tv", &format!("/code/{code}")).await["TempPass"].is_object());
}

#[tokio::test]
async fn a_misconfigured_temp_pass_is_an_error() {
    let provider = documented().await;
    let broken = json!({ "id": "TempPassBroken", "behavior": { "trial": { "duration_ms": 0 } } });
    provider.control("POST", "mvpds", broken).await;
    let answer = provider.of("tv", "GET", "/api/v2/REF/profiles/TempPassBroken").send().await;
    assert_eq!(refused(&answer, 500), "invalid_configuration_temporary_access");
    let decisions = provider.decide("tv", "authorize", "TempPassBroken", &["news"]).await;
    assert_eq!(decisions[0]["error"]["code"], "invalid_configuration_temporary_access");
}

#[tokio::test]
async fn by_default_only_a_started_trial_has_a_profile() {
    let provider = Provider::start().await;
    assert_eq!(provider.profiles("tv", "/TempPass").await, json!({}));
    provider.decide("tv", "authorize", "TempPass", &["news"]).await;
    assert!(provider.profiles("tv", "/TempPass").await["TempPass"].is_object());
    provider.advance(4 * 3600 * 1000).await;
    assert_eq!(provider.profiles("tv", "/TempPass").await, json!({}));
}
