//! Decisions, their sources, their errors, and media tokens.

use std::collections::HashSet;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::support::{Provider, refused};

/// The documented denial codes of decisions.
const DENIALS: [(&str, &str, u64); 15] = [
    ("authorization_denied_by_mvpd", "none", 403),
    ("preauthorization_denied_by_mvpd", "none", 403),
    ("authorization_denied_by_parental_controls", "none", 403),
    ("authorization_denied_by_degradation_rule", "none", 403),
    ("authorization_denied_by_hba_policies", "authentication", 403),
    ("authorization_denied_by_session_invalidated", "authentication", 403),
    ("identity_not_recognized_by_mvpd", "authentication", 403),
    ("authenticated_profile_missing", "authentication", 403),
    ("authenticated_profile_expired", "authentication", 403),
    ("authenticated_profile_invalidated", "authentication", 403),
    ("network_received_error", "retry", 403),
    ("network_connection_timeout", "retry", 403),
    ("maximum_execution_time_exceeded", "retry", 403),
    ("invalid_configuration_temporary_access", "configuration", 500),
    ("internal_server_error", "none", 500),
];

async fn logged_in() -> Provider {
    let provider = Provider::start().await;
    provider.log_in("tv", "Cablevision").await;
    provider
}

fn shown(decision: &Value) -> (bool, &str) {
    (decision["authorized"].as_bool().expect("a boolean"), decision["source"].as_str().expect("text"))
}

#[tokio::test]
async fn each_authorization_has_its_own_token() {
    let provider = logged_in().await;
    let mut tokens = HashSet::new();
    for _ in 0..3 {
        let decisions = provider.decide("tv", "authorize", "Cablevision", &["a <b> & c"]).await;
        let [decision] = decisions.as_slice() else { panic!("one decision: {decisions:?}") };
        assert_eq!(shown(decision), (true, "mvpd"));
        assert_eq!(decision["resource"], "a <b> & c");
        let number = |value: &Value| value.as_i64().expect("a number");
        let token = &decision["token"];
        assert_eq!(number(&token["notAfter"]) - number(&token["notBefore"]), 7 * 60 * 1000);
        assert_eq!(number(&decision["notAfter"]) - number(&decision["notBefore"]), 24 * 3600 * 1000);
        let token = token["serializedToken"].as_str().expect("text").to_owned();
        assert!(token.starts_with("PHNpZ25hdHVyZUluZm8"), "{token}");
        let signed = String::from_utf8(BASE64_STANDARD.decode(&token).expect("base64")).expect("text");
        assert!(signed.contains("<mvpdId>Cablevision</mvpdId>"), "{signed}");
        assert!(signed.contains("<resourceID>a &#60;b&#62; &#38; c</resourceID>"), "{signed}");
        tokens.insert(token);
    }
    assert_eq!(tokens.len(), 3);
}

#[tokio::test]
async fn a_preauthorization_informs_about_each_resource_in_order() {
    let provider = logged_in().await;
    let denied =
        json!({ "resource": "b", "code": "preauthorization_denied_by_mvpd", "question": "preauthorize" });
    provider.control("POST", "verdicts", denied).await;
    let decisions = provider.decide("tv", "preauthorize", "Cablevision", &["a", "b", "c"]).await;
    let shown_decisions: Vec<_> =
        decisions.iter().map(|one| (one["resource"].as_str().expect("text"), shown(one).0)).collect();
    assert_eq!(shown_decisions, [("a", true), ("b", false), ("c", true)]);
    for decision in &decisions {
        for name in ["token", "notBefore", "notAfter"] {
            assert_eq!(decision[name], Value::Null, "{decision}");
        }
    }
    let decisions = provider.decide("tv", "authorize", "Cablevision", &["b"]).await;
    assert_eq!(shown(&decisions[0]), (true, "mvpd"), "set for the other kind of decision");
}

#[tokio::test]
async fn every_documented_denial_can_be_ordered_for_a_resource_or_a_device() {
    let provider = logged_in().await;
    provider.log_in("phone", "Cablevision").await;
    for (code, action, status) in DENIALS {
        let verdict =
            json!({ "device_id": "tv", "resource": "news", "code": code, "details": "Ask them", "times": 1 });
        provider.control("POST", "verdicts", verdict).await;
        for (device, resource) in [("phone", "news"), ("tv", "sports")] {
            let decisions = provider.decide(device, "authorize", "Cablevision", &[resource]).await;
            assert!(shown(&decisions[0]).0, "{code} is not set for {resource} on {device}");
        }
        let decisions = provider.decide("tv", "authorize", "Cablevision", &["news"]).await;
        assert_eq!(shown(&decisions[0]), (false, "mvpd"));
        assert_eq!(decisions[0]["token"], Value::Null);
        let error = &decisions[0]["error"];
        assert_eq!(
            (&error["code"], &error["action"], &error["status"]),
            (&json!(code), &json!(action), &json!(status))
        );
        assert_eq!(error["details"], "Ask them");
        let decisions = provider.decide("tv", "authorize", "Cablevision", &["news"]).await;
        assert!(shown(&decisions[0]).0, "{code} was set once");
    }
}

#[tokio::test]
async fn decisions_have_their_source() {
    let provider = logged_in().await;
    let behave = async |behavior: Value| {
        provider.control("POST", "mvpds", json!({ "id": "Cablevision", "behavior": behavior })).await;
        let decisions = provider.decide("tv", "authorize", "Cablevision", &["news"]).await;
        decisions[0].clone()
    };
    assert_eq!(shown(&behave(json!({ "is_dummy": true })).await), (true, "dummy"));
    assert_eq!(shown(&behave(json!({ "degradation": "AuthNAll" })).await), (true, "degradation"));
    let decision = behave(json!({ "degradation": "AuthZAll" })).await;
    assert_eq!(shown(&decision), (true, "degradation"));
    assert!(decision["notAfter"].is_null() && decision["token"]["notAfter"].is_i64(), "{decision}");
    let decision = behave(json!({ "degradation": "AuthZNone" })).await;
    assert_eq!(shown(&decision), (false, "degradation"));
    assert_eq!(decision["error"]["code"], "authorization_denied_by_degradation_rule");

    provider
        .control("POST", "verdicts", json!({ "source": "temppass", "authorized": true, "ttl_ms": 1000 }))
        .await;
    let decision = behave(json!({})).await;
    assert_eq!(shown(&decision), (true, "temppass"), "a test can set any source");
    assert_eq!(
        decision["notAfter"], decision["token"]["notAfter"],
        "a token expires no later than its decision"
    );
    provider.control("DELETE", "verdicts", json!(null)).await;
    assert_eq!(shown(&behave(json!({ "degradation": null })).await), (true, "dummy"));
}

#[tokio::test]
async fn a_decision_with_no_or_too_many_resources_is_refused() {
    let provider = logged_in().await;
    for resources in [&[] as &[&str], &[""], &["news", " "]] {
        let answer = provider.decision_call("tv", "authorize", "Cablevision", resources).send().await;
        assert_eq!(refused(&answer, 400), "invalid_parameter_resources", "{resources:?}");
    }
    let unreadable =
        provider.of("tv", "POST", "/api/v2/REF/decisions/authorize/Cablevision").body("[]").send().await;
    assert_eq!(refused(&unreadable, 400), "invalid_parameter_resources");
    let six = ["a", "b", "c", "d", "e", "f"];
    let answer = provider.decision_call("tv", "preauthorize", "Cablevision", &six).send().await;
    assert_eq!(refused(&answer, 400), "too_many_resources");
    assert!(answer.body.contains(r#""status":403"#), "the body has another status: {answer:?}");
    provider
        .control(
            "POST",
            "settings",
            json!({ "max_preauthorize": 6, "max_authorize": 1, "pads_resources": true }),
        )
        .await;
    let decisions = provider.decide("tv", "preauthorize", "Cablevision", &six).await;
    assert_eq!((decisions.len(), &decisions[0]["resource"]), (6, &json!("a ")));
    let answer = provider.decision_call("tv", "authorize", "Cablevision", &["a", "b"]).send().await;
    assert_eq!(refused(&answer, 400), "too_many_resources");
}
