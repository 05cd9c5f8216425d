//! Logouts.

use serde_json::{Value, json};

use crate::support::{Provider, http, ok, refused};

const BACK: &str = "redirectUrl=https%3A%2F%2Fexample.com%2Fout";

async fn logouts(provider: &Provider, path: &str) -> Value {
    let answer = provider.of("tv", "GET", &format!("/api/v2/REF/logout{path}?{BACK}")).send().await;
    ok(&answer)["logouts"].clone()
}

fn action(logouts: &Value, mvpd: &str) -> (String, String, bool) {
    let logout = &logouts[mvpd];
    assert_eq!(logout["mvpd"], mvpd, "{logouts}");
    let text = |name: &str| logout[name].as_str().expect("text").to_owned();
    (text("actionName"), text("actionType"), logout["url"].is_string())
}

async fn put(provider: &Provider, mvpd: &str, kind: &str) {
    let profile = json!({ "service_provider": "REF", "device_id": "tv", "mvpd": mvpd, "type": kind });
    provider.control("POST", "profiles", profile).await;
}

#[tokio::test]
async fn the_logout_action_depends_on_the_profile_which_is_deleted_at_once() {
    let provider = Provider::start().await;
    provider
        .control("POST", "mvpds", json!({ "id": "Spectrum", "behavior": { "degradation": "AuthNAll" } }))
        .await;
    for (mvpd, kind, name, interaction, has_url) in [
        ("Cablevision", "regular", "logout", "interactive", true),
        ("Cablevision", "platformSSO", "logout", "interactive", true),
        ("Cablevision", "appleSSO", "partner_logout", "partner_interactive", false),
        ("Dish", "regular", "complete", "none", false),
        ("Cablevision", "", "invalid", "none", false),
        ("Spectrum", "", "complete", "none", false),
        ("TempPass", "", "complete", "none", false),
    ] {
        if !kind.is_empty() {
            put(&provider, mvpd, kind).await;
        }
        let logouts = logouts(&provider, &format!("/{mvpd}")).await;
        let expected = (name.to_owned(), interaction.to_owned(), has_url);
        assert_eq!(action(&logouts, mvpd), expected, "{mvpd} {kind}");
        assert_eq!(provider.profiles("tv", "").await, json!({}), "{mvpd} {kind}");
    }
}

#[tokio::test]
async fn the_browser_is_redirected_back_from_the_operators_logout() {
    let provider = Provider::start().await;
    put(&provider, "Cablevision", "regular").await;
    let logouts = logouts(&provider, "/Cablevision").await;
    let mut url = logouts["Cablevision"]["url"].as_str().expect("a url").to_owned();
    while let Some(path) = url.strip_prefix(&provider.origin()) {
        url = http::call(provider.address, "GET", path).send().await.header("location").to_owned();
    }
    assert_eq!(url, "https://example.com/out");
}

#[tokio::test]
async fn all_logins_of_a_device_end_together() {
    let provider = Provider::start().await;
    put(&provider, "Cablevision", "regular").await;
    put(&provider, "Dish", "regular").await;
    let logouts = logouts(&provider, "").await;
    assert_eq!(action(&logouts, "Cablevision").0, "logout");
    assert_eq!(action(&logouts, "Dish").0, "complete");
    assert_eq!(provider.profiles("tv", "").await, json!({}));
}

#[tokio::test]
async fn a_logout_requires_a_redirect_url() {
    let provider = Provider::start().await;
    put(&provider, "Cablevision", "regular").await;
    let answer = provider.of("tv", "GET", "/api/v2/REF/logout/Cablevision").send().await;
    assert_eq!(refused(&answer, 400), "invalid_parameter_redirect_url");
    assert!(provider.profiles("tv", "").await["Cablevision"].is_object(), "the login is unchanged");
}
