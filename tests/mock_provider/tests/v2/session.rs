//! Sessions: created on the TV, read and resumed on the second screen.

use serde_json::{Value, json};

use crate::support::{Provider, complete, ok, refused};

fn action(session: &Value) -> (&str, &str, &str) {
    let text = |name: &str| session[name].as_str().expect("text");
    (text("actionName"), text("actionType"), text("reasonType"))
}

async fn resumed(provider: &Provider, code: &str, form: &str) -> Value {
    let call = provider.call("POST", &format!("/api/v2/REF/sessions/{code}")).form(form.to_owned());
    ok(&call.send().await)
}

#[tokio::test]
async fn a_session_is_resumed_until_it_is_complete() {
    let provider = Provider::start().await;
    let session = provider.session("tv", "").await;
    assert_eq!(action(&session), ("resume", "direct", "none"));
    assert_eq!(session["missingParameters"], json!(["mvpd", "domainName", "redirectUrl"]));
    let code = session["code"].as_str().expect("a code");
    assert_eq!(session["url"], format!("/api/v2/REF/sessions/{code}"));

    let retried = resumed(&provider, code, "mvpd=Cablevision").await;
    assert_eq!(action(&retried), ("retry", "direct", "none"));
    assert_eq!(retried["missingParameters"], json!(["domainName", "redirectUrl"]));

    let whole =
        resumed(&provider, code, "domainName=example.com&redirectUrl=https%3A%2F%2Fexample.com").await;
    assert_eq!(action(&whole), ("authenticate", "interactive", "none"));
    assert_eq!(whole["url"], format!("/api/v2/authenticate/REF/{code}"));
    assert_eq!(whole["missingParameters"], Value::Null);
    for name in ["sessionId", "notBefore", "notAfter"] {
        assert!(whole[name].is_string(), "{name}: {whole}");
        assert_eq!(whole[name], session[name], "the same session");
    }

    let read = ok(&provider.call("GET", &format!("/api/v2/REF/sessions/{code}")).send().await);
    let existing = json!({
        "mvpd": "Cablevision",
        "domainName": "example.com",
        "redirectUrl": "https://example.com",
        "serviceProvider": "REF",
    });
    assert_eq!(read["existingParameters"], existing);
    assert_eq!(read["missingParameters"], json!([]));
    assert_eq!(read["device"]["model"], "AFTMM");
}

#[tokio::test]
async fn a_session_without_a_needed_login_requires_no_action() {
    let provider = Provider::start().await;
    provider.log_in("tv", "Cablevision").await;
    let sso = json!({
        "service_provider": "REF", "device_id": "tv", "mvpd": "Comcast_SSO", "type": "platformSSO",
    });
    provider.control("POST", "profiles", sso).await;
    let degraded = json!({ "id": "Dish", "behavior": { "degradation": "AuthNAll" } });
    provider.control("POST", "mvpds", degraded).await;
    for (mvpd, reason) in [
        ("Cablevision", "authenticated"),
        ("Comcast_SSO", "authenticatedSSO"),
        ("TempPass", "temporary"),
        ("Dish", "degraded"),
    ] {
        let created = provider.session("tv", &complete(mvpd)).await;
        let open = provider.session("tv", "").await;
        let resumed = resumed(&provider, open["code"].as_str().expect("a code"), &complete(mvpd)).await;
        for session in [created, resumed] {
            assert_eq!(action(&session), ("authorize", "direct", reason), "{session}");
            assert_eq!(session["url"], format!("/api/v2/REF/decisions/authorize/{mvpd}"));
            assert_eq!(session["code"], Value::Null, "{session}");
        }
    }
    assert_eq!(action(&provider.session("another", &complete("Cablevision")).await).0, "authenticate");
}

#[tokio::test]
async fn invalid_session_parameters_are_refused() {
    let provider = Provider::start().await;
    let code = provider.code("tv", "Cablevision").await;
    let of_another = ok(&provider.of("tv", "POST", "/api/v2/OTHER/sessions").form("").send().await);
    let of_another = of_another["code"].as_str().expect("a code");
    let with = |form: &str| {
        let path = format!("/api/v2/REF/sessions/{code}");
        [provider.of("tv", "POST", "/api/v2/REF/sessions"), provider.call("POST", &path)]
            .map(|call| call.form(form.to_owned()))
    };
    for (form, expected) in [
        ("mvpd=Nobody", "invalid_parameter_mvpd"),
        ("domainName=elsewhere.example", "invalid_integration"),
        ("redirectUrl=no%20place", "invalid_parameter_redirect_url"),
        ("redirectUrl=https%3A%2F%2Fexample.com%0Aa", "invalid_parameter_redirect_url"),
    ] {
        for call in with(form) {
            assert_eq!(refused(&call.send().await, 400), expected, "{form}");
        }
    }
    provider.control("POST", "settings", json!({ "accepts_any_domain": true })).await;
    for call in with("domainName=elsewhere.example") {
        ok(&call.send().await);
    }
    for (code, expected) in
        [("NOSUCH1", "invalid_parameter_code"), (of_another, "invalid_authentication_session")]
    {
        for call in [
            provider.call("GET", &format!("/api/v2/REF/sessions/{code}")),
            provider.call("POST", &format!("/api/v2/REF/sessions/{code}")).form(""),
            provider.call("GET", &format!("/api/v2/REF/profiles/code/{code}")),
        ] {
            assert_eq!(refused(&call.send().await, 400), expected, "{code}");
        }
    }
}

#[tokio::test]
async fn a_session_expires() {
    let provider = Provider::start().await;
    provider.control("POST", "settings", json!({ "session_ms": 60_000 })).await;
    let code = provider.code("tv", "Cablevision").await;
    let path = format!("/api/v2/REF/sessions/{code}");
    ok(&provider.call("GET", &path).send().await);
    provider.advance(60_000).await;
    assert_eq!(refused(&provider.call("GET", &path).send().await, 400), "invalid_parameter_code");
}
