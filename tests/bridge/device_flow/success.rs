//! Every call in every format with a login.

use super::{
    answer,
    endpoint::{ENDPOINTS, every_format},
    field, logged_in,
};

#[tokio::test]
async fn every_call_answers_as_documented_in_every_format() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    for endpoint in &ENDPOINTS {
        for (source, format) in every_format() {
            let answered = endpoint.ask(&tv, &code, source, format).await;
            let place = format!("{} in {format} by {source:?}: {answered:?}", endpoint.name);
            assert_eq!(answered.status, endpoint.success, "{place}");
            if answered.status == 400 {
                assert!(answered.body.contains("400"), "{place}");
            } else if endpoint.members.is_empty() {
                assert!(answered.body.is_empty(), "{place}");
            } else if format == "json" {
                assert_eq!(answer::names(&answer::json(&answered, 200)), endpoint.members, "{place}");
            } else {
                let body = answer::xml(&answered, 200);
                assert!(
                    body.starts_with(&format!("<{}", endpoint.root)) && !body.starts_with("<error"),
                    "{place}"
                );
                for member in endpoint.members.iter().filter(|_| endpoint.root.len() > 1) {
                    // Some elements have the same name as the root.
                    assert!(body.contains(&format!("<{member}")), "{member}: {place}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_response_has_a_content_type_and_a_request_id_and_is_not_cacheable() {
    let bridge = field().await;
    let (tv, code) = logged_in(&bridge).await;
    let mut ids = std::collections::BTreeSet::new();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.success == 200) {
        for (source, format) in every_format() {
            let answered = endpoint.ask(&tv, &code, source, format).await;
            let id = answered.header("adobe-request-id");
            assert!(!id.is_empty() && ids.insert(id.to_owned()), "{}: {answered:?}", endpoint.name);
            assert!(answered.headers.get("set-cookie").is_none(), "{}: {answered:?}", endpoint.name);
            if endpoint.name != "config" {
                assert_eq!(answered.header("cache-control"), "no-store", "{}", endpoint.name);
            }
        }
    }
}

#[tokio::test]
async fn the_default_format_is_xml() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let path = "/api/v1/tokens/authn?requestor=REF&deviceId=2ab3fb02b8e2a2f2";
    for tv in [tv.clone(), tv.with("accept", "*/*")] {
        let login = tv.get(path).await;
        let login = answer::xml(&login, 200);
        let order: Vec<_> =
            ["<expires>", "<userId>", "<mvpd>", "<requestor>"].iter().map(|name| login.find(name)).collect();
        assert!(order.is_sorted() && order[0].is_some(), "{login}");
        assert!(answer::element(login, "expires").parse::<u64>().is_ok(), "{login}");
        assert_eq!(answer::element(login, "mvpd"), super::MVPD);
    }
}

#[tokio::test]
async fn four_calls_also_accept_parameters_in_a_form() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let form = "requestor=REF&deviceId=2ab3fb02b8e2a2f2&resource=news&format=json";
    for path in ["/api/v1/authorize", "/api/v1/preauthorize", "/api/v1/mediatoken", "/api/v1/tokens/media"] {
        answer::json(&tv.post(path, form).await, 200);
    }
    let code = super::code(&tv).await;
    let form = format!(
        "requestor_id=REF&mso_id=Spectrum&reg_code={code}&domain_name=adobe.com&redirect_url=https://a.example/b"
    );
    let page = super::second_screen::browser(&bridge);
    assert_eq!(page.post("/api/v1/authenticate", form).await.status, 302);
    let wrong = tv.post("/api/v1/checkauthn.json", "requestor=REF&deviceId=2ab3fb02b8e2a2f2").await;
    answer::message(&wrong, 405);
    assert!(wrong.header("allow").contains("GET"), "{wrong:?}");
}

#[tokio::test]
async fn head_answers_like_get_without_a_body_and_options_lists_methods() {
    let bridge = field().await;
    let (tv, _) = logged_in(&bridge).await;
    let path = "/api/v1/checkauthn.json?requestor=REF&deviceId=2ab3fb02b8e2a2f2";
    let head = tv.send(tv.call("HEAD", path)).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""), "{head:?}");
    // OPTIONS without a configured origin. Another test covers preflight.
    let closed = crate::support::Bridge::over(passbridge::config::BackendKind::V2).await;
    let options = super::client::Client::new(&closed).call("OPTIONS", path).send().await;
    assert!(options.status.is_success() && options.header("allow").contains("GET"), "{options:?}");
}
