//! Invalid and hostile input of clients, and unexpected responses of the provider.

use passbridge::config::{BackendKind, RequestorConfig};
use serde_json::{Value, json};

use super::{
    DEVICE_ID, MVPD, answer, check_login, code, configure, control, field, logged_in, second_screen, tv,
};
use crate::support::Bridge;

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

const MRSS: &str = "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>A, B & \"C\"\
                    </title><item><title>Ärger, ein, zwei</title></item></channel></rss>";

#[tokio::test]
async fn a_resource_is_forwarded_exactly_as_the_tv_sent_it() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let long = "x".repeat(60_000);
    for resource in [MRSS, &encoded(MRSS), "a,b,c", "a b", " news ", "%", "Ärger", "\u{1f4fa}", &long] {
        bridge.provider.forget_calls().await;
        let form = format!("requestor=REF&deviceId={DEVICE_ID}&format=json&resource={}", encoded(resource));
        let permitted = answer::json(&tv.post("/api/v1/authorize", form.clone()).await, 200);
        assert_eq!(permitted["resource"], *resource);
        let calls = bridge.provider.calls_to("/api/v2/REF/decisions/authorize/").await;
        let sent: Value = serde_json::from_str(calls[0]["body"].as_str().expect("text")).expect("JSON");
        assert_eq!(sent, json!({ "resources": [resource] }));
        let media = answer::json(&tv.post("/api/v1/tokens/media", form).await, 200);
        assert_eq!(media["resource"], *resource);
    }
}

#[tokio::test]
async fn a_resource_that_is_missing_empty_or_too_long_is_refused() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    for path in ["authorize", "tokens/authz", "tokens/media", "mediatoken", "preauthorize"] {
        for resource in ["", "&resource=", "&resource=%20"] {
            let path = format!("/api/v1/{path}.json?requestor=REF&deviceId={DEVICE_ID}{resource}");
            assert!(answer::message(&tv.get(&path).await, 400).contains("resource"), "{path}");
        }
    }
    let form = format!("requestor=REF&deviceId={DEVICE_ID}&format=json&resource={}", "x".repeat(65_537));
    answer::message(&tv.post("/api/v1/authorize", form).await, 400);
    assert_eq!(check_login(&tv).await, 200);
}

#[tokio::test]
async fn a_resource_list_is_split_at_commas_outside_documents() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let list = encoded(&format!("news,{MRSS},films"));
    let path = format!("/api/v1/preauthorize.json?requestor=REF&deviceId={DEVICE_ID}&resource={list}");
    let response = answer::json(&tv.get(&path).await, 200);
    let ids: Vec<_> =
        response["resources"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["news", MRSS, "films"]);
    assert!(response["resources"][0]["authorized"].is_boolean());
}

#[tokio::test]
async fn the_provider_refuses_six_resources() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    for format in ["json", "xml"] {
        let path =
            format!("/api/v1/preauthorize.{format}?requestor=REF&deviceId={DEVICE_ID}&resource=1,2,3,4,5,6");
        let refused = tv.get(&path).await;
        assert_eq!(refused.status, 403, "{refused:?}");
    }
    let path =
        format!("/api/v1/preauthorize.json?requestor=REF&deviceId={DEVICE_ID}&resource={}", "1,".repeat(400));
    let refused = tv.get(&path).await;
    answer::message(&refused, refused.status.as_u16());
    assert!(refused.status.is_client_error(), "{refused:?}");
}

#[tokio::test]
async fn a_code_of_another_requestor_is_unknown() {
    let bridge = Bridge::configured(BackendKind::V2, |config| {
        configure(config);
        let environment = config.environments.get_mut("default").expect("present");
        environment.requestors.insert("OTHER".to_owned(), RequestorConfig::default());
    })
    .await;
    let (_, code) = logged_in(&bridge).await;
    let page = second_screen::browser(&bridge);
    let check = page.get(&format!("/api/v1/checkauthn/{code}.json?requestor=OTHER")).await;
    answer::message(&check, 403);
    let list = page.get(&format!("/api/v1/preauthorize/{code}.json?requestor=OTHER&resource=a")).await;
    answer::message(&list, 412);
    let query = format!(
        "requestor_id=OTHER&mso_id={MVPD}&reg_code={code}&domain_name=adobe.com&redirect_url=https://a.example/b"
    );
    let started = page.get(&format!("/api/v1/authenticate.json?{query}")).await;
    answer::message(&started, 400);
}

async fn start(bridge: &Bridge, code: &str, rest: &str) -> crate::support::http::Answer {
    let path = format!(
        "/api/v1/authenticate.json?reg_code={code}&requestor_id=REF&mso_id={MVPD}&domain_name=adobe.com{rest}"
    );
    second_screen::browser(bridge).get(&path).await
}

#[tokio::test]
async fn redirect_urls_must_be_absolute_web_addresses() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    bridge.provider.forget_calls().await;
    let long = format!("https://activate.example.com/{}", "x".repeat(10_240));
    for redirect_url in [
        "javascript:alert(1)",
        "/done",
        "done.html",
        "//evil.example/x",
        "ftp://a.example/b",
        "https://",
        "",
        &long,
    ] {
        let refused = start(&bridge, &code, &format!("&redirect_url={}", encoded(redirect_url))).await;
        assert!(answer::message(&refused, 400).contains("redirect_url"), "{redirect_url}");
        assert!(refused.headers.get("location").is_none());
    }
    let refused = start(&bridge, &code, "").await;
    assert!(answer::message(&refused, 400).contains("redirect_url"));
    let calls = bridge.provider.calls_to("/api/v2/REF/sessions/").await;
    assert!(calls.is_empty(), "they never reach the provider: {calls:?}");
    // The redirect URL need not be the last parameter, and an unknown code never redirects.
    let back = "&redirect_url=https%3A%2F%2Fa.example%2Fb%3Fc%3Dd%26e%3Df&noflash=true&generic_data=%7B%7D";
    let unknown = start(&bridge, "ZZZZZZZ", back).await;
    answer::message(&unknown, 400);
    let started = start(&bridge, &code, back).await;
    assert_eq!(started.status, 302, "{started:?}");
    assert_eq!(
        crate::browser::log_in(&bridge, started.header("location")).await,
        "https://a.example/b?c=d&e=f"
    );
    assert_eq!(check_login(&tv).await, 200);
}

#[tokio::test]
async fn missing_parameters_of_a_login_are_named() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    let back = "redirect_url=https%3A%2F%2Fa.example%2Fb";
    let page = second_screen::browser(&bridge);
    for (query, missing) in [
        (format!("requestor_id=REF&mso_id={MVPD}&domain_name=adobe.com&{back}"), "reg_code"),
        (format!("reg_code={code}&mso_id={MVPD}&domain_name=adobe.com&{back}"), "requestor"),
        (format!("reg_code={code}&requestor_id=REF&domain_name=adobe.com&{back}"), "mso_id"),
    ] {
        let refused = page.get(&format!("/api/v1/authenticate.json?{query}")).await;
        let message = answer::message(&refused, 400);
        assert!(message.contains(missing), "{missing}: {message}");
    }
    let unknown = page
        .get(&format!("/api/v1/authenticate.json?reg_code={code}&requestor_id=REF&mso_id=Nobody&domain_name=adobe.com&{back}"))
        .await;
    answer::message(&unknown, 400);
}

#[tokio::test]
async fn a_call_without_a_device_id_is_refused() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    for path in [
        "/api/v1/checkauthn.json?requestor=REF",
        "/api/v1/tokens/authn.json?requestor=REF&deviceId=",
        "/api/v1/authorize.json?requestor=REF&resource=news",
        "/api/v1/tokens/usermetadata.json",
    ] {
        assert!(answer::message(&tv.get(path).await, 400).contains("deviceId"), "{path}");
    }
    assert!(answer::message(&tv.delete("/api/v1/logout.json").await, 400).contains("deviceId"));
    assert_eq!(check_login(&tv).await, 200);
    let long = format!("/api/v1/checkauthn.json?requestor=REF&deviceId={}", "x".repeat(2_049));
    answer::message(&tv.get(&long).await, 400);
    answer::message(
        &tv.get(&format!("/api/v1/checkauthn.json?requestor=nobody!&deviceId={DEVICE_ID}")).await,
        400,
    );
}

#[tokio::test]
async fn a_body_that_is_not_a_form_has_no_parameters() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    for (media_type, body) in [
        ("application/xml", "<requestor>REF</requestor>"),
        ("application/json", r#"{"requestor":"REF"}"#),
        ("application/x-www-form-urlencoded", "<requestor>REF</requestor>"),
    ] {
        let call = tv.call("POST", "/api/v1/authorize.json").header("content-type", media_type).body(body);
        answer::message(&tv.send(call).await, 400);
        let call = tv.call("POST", "/api/v1/authenticate/freepreview.json");
        answer::message(&tv.send(call.header("content-type", media_type).body(body)).await, 400);
    }
}

#[tokio::test]
async fn a_malformed_decision_is_an_upstream_fault_and_grants_nothing() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let path = |call: &str| format!("/api/v1/{call}.json?requestor=REF&deviceId={DEVICE_ID}&resource=news");
    for odd in [
        json!({ "decisions": [] }),
        json!({ "decisions": null }),
        json!({ "decisions": [{ "authorized": "yes" }] }),
        json!({ "decisions": {} }),
    ] {
        bridge.provider.clear_faults().await;
        bridge.provider.fault(json!({ "path": "/api/v2/REF/decisions/", "merge": odd })).await;
        super::forget_answers(&bridge).await;
        for call in ["authorize", "tokens/media", "preauthorize"] {
            let refused = tv.get(&path(call)).await;
            assert!(refused.status.is_server_error(), "{call} {odd}: {refused:?}");
            answer::message(&refused, refused.status.as_u16());
        }
    }
    // A permission without a media token is permitted, but has no token for the player.
    bridge.provider.clear_faults().await;
    let now = bridge.provider.advance(0).await;
    let bare = json!({ "decisions": [{ "resource": "news", "serviceProvider": "REF", "mvpd": MVPD, "source": "mvpd",
        "authorized": true, "notBefore": now, "notAfter": now + 3_600_000 }] });
    bridge.provider.fault(json!({ "path": "/api/v2/REF/decisions/", "merge": bare })).await;
    super::forget_answers(&bridge).await;
    answer::json(&tv.get(&path("authorize")).await, 200);
    let refused = tv.get(&path("tokens/media")).await;
    assert!(refused.status.is_server_error(), "{refused:?}");
    bridge.provider.clear_faults().await;
    super::forget_answers(&bridge).await;
    answer::json(&tv.get(&path("tokens/media")).await, 200);
}

#[tokio::test]
async fn results_that_are_already_expired_are_not_cached() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    control(&bridge, "verdicts", json!({ "authorized": true, "ttl_ms": -60_000, "times": 1 })).await;
    let about = format!("requestor=REF&deviceId={DEVICE_ID}&resource=old");
    let answered = tv.get(&format!("/api/v1/authorize.json?{about}")).await;
    assert!(answered.status == 200 || answered.status.is_server_error(), "{answered:?}");
    let kept = tv.get(&format!("/api/v1/tokens/authz.json?{about}")).await;
    assert!([404, 410].contains(&kept.status.as_u16()), "{kept:?}");
    answer::json(&tv.get(&format!("/api/v1/tokens/media.json?{about}")).await, 200);
}

#[tokio::test]
async fn the_newer_of_two_logins_is_reported_and_a_logout_ends_both() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let now = bridge.provider.advance(0).await;
    let put = json!({ "service_provider": "REF", "device_id": DEVICE_ID, "mvpd": "Dish", "not_before_ms": now + 1_000 });
    control(&bridge, "profiles", put).await;
    super::forget_answers(&bridge).await;
    // The device has chosen its operator, so the lookup is about that one.
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    let login = answer::json(&tv.get(&path).await, 200);
    assert!([MVPD, "Dish"].contains(&login["mvpd"].as_str().expect("text")), "{login}");
    answer::empty(&tv.delete(&format!("/api/v1/logout?requestor=REF&deviceId={DEVICE_ID}")).await, 204);
    assert_eq!(check_login(&tv).await, 403);
    assert_eq!(bridge.provider.calls_to("/api/v2/REF/logout/").await.len(), 2);
}

#[tokio::test]
async fn unknown_paths_are_not_found_in_the_requested_format() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    for path in
        ["/api/v1/identities", "/api/v1/nothing", "/api/v1", "/api/v1/tokens", "/api/v1/tokens/other/more"]
    {
        answer::message(&tv.get(&format!("{path}?format=json")).await, 404);
        let xml = tv.get(&format!("{path}?format=xml")).await;
        assert_eq!(xml.status, 404, "{xml:?}");
        assert!(answer::element(&xml.body, "error").contains("404"), "{xml:?}");
    }
    // Calls of Apple's single sign-on are refused with a message about the alternative.
    let apple = tv.get("/api/v1/REF/profile-requests/Cablevision?deviceType=tvOS&format=json").await;
    assert!(answer::message(&apple, 400).contains("code"), "{apple:?}");
    let apple =
        tv.post("/api/v1/tokens/authn.json", format!("requestor=REF&deviceId={DEVICE_ID}&mvpd=a")).await;
    assert!(answer::message(&apple, 400).contains("code"), "{apple:?}");
}

#[tokio::test]
async fn a_device_without_a_token_or_with_a_wrong_one_is_refused() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    let anonymous = super::client::Client::new(&bridge);
    let stranger = anonymous.clone().with("authorization", "Bearer made-up");
    for path in [
        format!("/api/v1/checkauthn.json?requestor=REF&deviceId={DEVICE_ID}"),
        format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}"),
        format!("/api/v1/authorize.json?requestor=REF&deviceId={DEVICE_ID}&resource=a"),
        format!("/api/v1/tokens/usermetadata.json?requestor=REF&deviceId={DEVICE_ID}"),
        format!("/api/v1/authenticate/{code}.json?requestor=REF"),
    ] {
        answer::message(&anonymous.get(&path).await, 401);
        answer::message(&stranger.get(&path).await, 401);
    }
    let out = format!("/api/v1/logout.json?requestor=REF&deviceId={DEVICE_ID}");
    answer::message(&anonymous.delete(&out).await, 401);
    answer::message(&stranger.delete(&out).await, 401);
    // A call that a page may make without a token is refused with a wrong one.
    answer::message(&stranger.get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await, 401);
    assert_eq!(check_login(&tv).await, 200);
}
