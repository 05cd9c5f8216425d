//! Single sign-on with Apple.

use serde_json::{Value, json};

use crate::support::{Provider, encoded, http::Call, ok, refused};

/// A time long after these tests.
const LATER: &str = "9999999999999";

fn status(access: &str, id: &str, expires: &str) -> String {
    encoded(&json!({
        "frameworkPermissionInfo": { "accessStatus": access },
        "frameworkProviderInfo": { "id": id, "expirationDate": expires },
    }))
}

fn session(provider: &Provider, status: &str, form: &str) -> Call {
    let call = provider.of("tv", "POST", "/api/v2/REF/sessions/sso/Apple").form(form.to_owned());
    call.header("ap-partner-framework-status", status)
}

const PLACE: &str = "domainName=example.com&redirectUrl=https%3A%2F%2Fexample.com";

#[tokio::test]
async fn a_partner_login_becomes_a_profile() {
    let provider = Provider::start().await;
    let granted = status("granted", "Cablevision", LATER);
    let action = ok(&session(&provider, &granted, PLACE).send().await);
    assert_eq!((&action["actionName"], &action["mvpd"]), (&json!("partner_profile"), &json!("Cablevision")));
    assert_eq!(action["authenticationRequest"]["type"], "saml");
    let exchange = provider.of("tv", "POST", action["url"].as_str().expect("a url"));
    let exchange =
        exchange.header("ap-partner-framework-status", &granted).form("SAMLResponse=PGE%2BPC9hPg%3D%3D");
    let profiles = ok(&exchange.send().await)["profiles"].clone();
    assert_eq!(
        (&profiles["Cablevision"]["type"], &profiles["Cablevision"]["issuer"]),
        (&json!("appleSSO"), &json!("Apple"))
    );
    assert_eq!(provider.profiles("tv", "").await, profiles);
    let again = ok(&session(&provider, &granted, PLACE).send().await);
    assert_eq!(
        (&again["actionName"], &again["reasonType"]),
        (&json!("authorize"), &json!("authenticatedSSO"))
    );
}

#[tokio::test]
async fn without_usable_single_sign_on_the_basic_login_is_used() {
    let provider = Provider::start().await;
    let off = json!({ "id": "Comcast_SSO", "enablePlatformServices": false });
    provider.control("POST", "mvpds", off).await;
    for (status, form, action, reason) in [
        (status("denied", "", ""), PLACE, "resume", "pfs_fallback"),
        (status("granted", "Comcast", LATER), PLACE, "authenticate", "configuration_fallback"),
        (
            status("granted", "Cablevision", LATER),
            "domainName=example.com",
            "resume",
            "missing_parameters_fallback",
        ),
    ] {
        let answer = ok(&session(&provider, &status, form).send().await);
        assert_eq!((&answer["actionName"], &answer["reasonType"]), (&json!(action), &json!(reason)));
        assert!(answer["code"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn an_invalid_exchange_is_refused() {
    let provider = Provider::start().await;
    let exchange = |partner: &str, status: &str| {
        let call = provider.of("tv", "POST", &format!("/api/v2/REF/profiles/sso/{partner}"));
        call.header("ap-partner-framework-status", status).form("")
    };
    for (status, code) in [
        (String::new(), "invalid_header_pfs_permission_access_not_present"),
        (status("notDetermined", "", ""), "invalid_header_pfs_permission_access_not_determined"),
        (status("restricted", "", ""), "invalid_header_pfs_permission_access_not_granted"),
        (status("granted", "Nobody", LATER), "invalid_header_pfs_provider_id_not_determined"),
        (status("granted", "Cablevision", "1"), "invalid_header_pfs_provider_info_expired"),
        (status("granted", "Cablevision", LATER), "invalid_parameter_saml_response"),
    ] {
        assert_eq!(refused(&exchange("Apple", &status).send().await, 400), code);
    }
    assert_eq!(refused(&exchange("Nobody", "").send().await, 400), "invalid_parameter_partner");
    let other = provider.of("tv", "GET", "/api/v2/REF/profiles/Dish");
    let other = other.header("ap-partner-framework-status", status("granted", "Cablevision", LATER));
    assert_eq!(refused(&other.send().await, 400), "invalid_header_pfs_provider_id_mismatch");
    assert_eq!(provider.profiles("tv", "").await, Value::Object(Default::default()));
}
