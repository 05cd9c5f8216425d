//! Profiles: their owners, attributes and ends.

use serde_json::{Value, json};

use crate::support::{Provider, refused};

async fn put(provider: &Provider, device: &str, mvpd: &str, more: Value) {
    let mut profile = json!({ "service_provider": "REF", "device_id": device, "mvpd": mvpd });
    profile.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    provider.control("POST", "profiles", profile).await;
}

#[tokio::test]
async fn a_device_has_a_profile_of_each_type_with_each_operator() {
    let provider = Provider::start().await;
    for (mvpd, kind, issuer) in [
        ("Cablevision", "regular", "Cablevision"),
        ("Comcast_SSO", "appleSSO", "Apple"),
        ("Spectrum", "platformSSO", "Spectrum"),
        ("Dish", "serviceTokenSSO", "Dish"),
        ("Proxied_Cable", "degraded", "Adobe"),
    ] {
        put(&provider, "tv", mvpd, json!({ "type": kind })).await;
        let profiles = provider.profiles("tv", &format!("/{mvpd}")).await;
        let profile = &profiles[mvpd];
        assert_eq!((&profile["type"], &profile["issuer"]), (&json!(kind), &json!(issuer)));
        assert!(profile["notBefore"].is_i64() && profile["notAfter"].is_i64(), "numbers: {profile}");
    }
    assert_eq!(provider.profiles("tv", "").await.as_object().expect("a map").len(), 5);
    assert_eq!(provider.profiles("another", "").await, json!({}));
}

#[tokio::test]
async fn attributes_have_values_of_every_type() {
    let provider = Provider::start().await;
    let failed = json!({ "error": "invalid_configuration_user_metadata_certificate" });
    let attributes = json!({ "visits": 3, "score": 0.5, "zip": failed });
    put(&provider, "tv", "Cablevision", json!({ "attributes": attributes, "user": "ann" })).await;
    put(&provider, "phone", "Cablevision", json!({ "user": "ann" })).await;
    let of = async |device: &str| {
        provider.profiles(device, "/Cablevision").await["Cablevision"]["attributes"].clone()
    };
    let (attributes, others) = (of("tv").await, of("phone").await);
    let value = |name: &str| &attributes[name]["value"];
    assert_eq!(value("userID").as_str().expect("text").len(), 40);
    assert_eq!(value("userID"), &others["userID"]["value"], "the same viewer");
    assert!(value("inHome").is_boolean() && value("channelID").is_array() && value("maxRating").is_object());
    assert_eq!((value("visits"), value("score")), (&json!(3), &json!(0.5)));
    assert_eq!(attributes["zip"], failed);
    assert_eq!(others["zip"]["state"], "enc");
}

#[tokio::test]
async fn a_profile_ends_by_expiry_and_invalidation() {
    let provider = Provider::start().await;
    put(&provider, "tv", "Cablevision", json!({ "ttl_ms": 0 })).await;
    put(&provider, "tv", "Dish", json!({})).await;
    put(&provider, "phone", "Dish", json!({})).await;
    let filter = json!({ "device_id": "tv", "mvpd": "Dish" });
    assert_eq!(provider.control("POST", "profiles/invalidate", filter).await, json!({ "invalidated": 1 }));
    for path in ["", "/Cablevision", "/Dish"] {
        assert_eq!(provider.profiles("tv", path).await, json!({}), "{path}");
    }
    assert!(provider.profiles("phone", "").await["Dish"].is_object());
    for (mvpd, code) in [
        ("Cablevision", "authenticated_profile_expired"),
        ("Dish", "authenticated_profile_invalidated"),
        ("Spectrum", "authenticated_profile_missing"),
    ] {
        let decisions = provider.decide("tv", "authorize", mvpd, &["news"]).await;
        assert_eq!(
            (&decisions[0]["authorized"], &decisions[0]["error"]["code"]),
            (&json!(false), &json!(code))
        );
        assert_eq!(decisions[0]["error"]["action"], "authentication");
    }
}

#[tokio::test]
async fn the_profile_of_a_code_is_returned_until_its_session_expires() {
    let provider = Provider::start().await;
    let code = provider.code("tv", "Cablevision").await;
    put(&provider, "tv", "Dish", json!({})).await;
    let login = json!({ "service_provider": "REF", "code": code });
    provider.control("POST", "login", login).await;
    let profiles = provider.profiles("tv", &format!("/code/{code}")).await;
    assert_eq!(profiles.as_object().expect("a map").keys().collect::<Vec<_>>(), ["Cablevision"]);
    provider.advance(30 * 60 * 1000).await;
    let answer = provider.call("GET", &format!("/api/v2/REF/profiles/code/{code}")).send().await;
    assert_eq!(refused(&answer, 400), "invalid_parameter_code");
    assert!(provider.profiles("tv", "").await["Cablevision"].is_object(), "the device keeps its login");
}

#[tokio::test]
async fn a_degraded_operator_returns_a_profile_for_every_device() {
    let provider = Provider::start().await;
    provider
        .control("POST", "mvpds", json!({ "id": "Dish", "behavior": { "degradation": "AuthNAll" } }))
        .await;
    let profiles = provider.profiles("tv", "/Dish").await;
    assert_eq!(
        (&profiles["Dish"]["type"], &profiles["Dish"]["issuer"]),
        (&json!("degraded"), &json!("Adobe"))
    );
    let user = profiles["Dish"]["attributes"]["userID"]["value"].as_str().expect("text");
    assert!(user.starts_with("95cf93bcd183214a"), "{user}");
    assert_eq!(provider.profiles("tv", "").await, json!({}), "no login");
}
