//! The login in a browser.

use serde_json::{Value, json};

use crate::support::{DONE, Provider, complete, http, ok};

/// The page on which a browser is.
#[derive(Debug)]
enum LoginResponse {
    /// A page of the mock provider.
    Page { status: u16, body: String },
    /// Another address, as after a login.
    Elsewhere(String),
}

impl LoginResponse {
    #[track_caller]
    fn page(self, status: u16) -> String {
        match self {
            Self::Page { status: found, body } if found == status => body,
            other => panic!("no page with {status}: {other:?}"),
        }
    }

    #[track_caller]
    fn elsewhere(self) -> String {
        match self {
            Self::Elsewhere(url) => url,
            other => panic!("still on the provider: {other:?}"),
        }
    }
}

/// Opens a page and follows redirects.
async fn open(provider: &Provider, url: &str) -> LoginResponse {
    follow(provider, "GET", url, String::new()).await
}

/// Submits the form of the page.
async fn submit(provider: &Provider, page: &str, fields: &str) -> LoginResponse {
    let after = |mark: &str| page.split_once(mark).and_then(|(_, rest)| rest.split_once('"')).expect(mark).0;
    let form = format!("RelayState={}&{fields}", after(r#"name="RelayState" value=""#));
    follow(provider, "POST", after(r#"action=""#), form).await
}

async fn follow(provider: &Provider, method: &str, url: &str, form: String) -> LoginResponse {
    let (mut method, mut url, mut form) = (method, url.to_owned(), form);
    for _ in 0..10 {
        let path = match url.strip_prefix(&provider.origin()) {
            Some(path) => path,
            None if url.starts_with('/') => &url,
            None => return LoginResponse::Elsewhere(url),
        };
        let answer = http::call(provider.address, method, path).form(form).send().await;
        if answer.status != 302 {
            assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
            return LoginResponse::Page { status: answer.status.as_u16(), body: answer.body };
        }
        (method, form) = ("GET", String::new());
        url = answer.header("location").to_owned();
    }
    panic!("too many redirects");
}

async fn login_page(provider: &Provider, code: &str) -> String {
    open(provider, &format!("/api/v2/authenticate/REF/{code}")).await.page(200)
}

#[tokio::test]
async fn a_viewer_logs_in_on_the_operators_page_and_is_redirected_back() {
    let provider = Provider::start().await;
    let account = json!({
        "mvpd": "Cablevision",
        "user_name": "ann",
        "password": "right",
        "attributes": { "zip": ["12345"], "householdID": "the house" },
    });
    provider.control("POST", "accounts", account).await;
    let session = provider.session("tv", &complete("Cablevision")).await;
    let code = session["code"].as_str().expect("a code");
    assert_eq!(provider.profiles("tv", &format!("/code/{code}")).await, json!({}));

    let first = http::call(provider.address, "GET", session["url"].as_str().expect("a url")).send().await;
    assert_eq!(first.status, 302, "a browser without a token is redirected");
    assert!(first.header("location").contains("mso_id=Cablevision&requestor_id=REF"), "{first:?}");

    let page = login_page(&provider, code).await;
    assert!(page.contains("Log in to Optimum"), "{page}");
    let page = submit(&provider, &page, "username=ann&password=wrong").await.page(401);
    assert!(page.contains("do not match"), "{page}");
    assert_eq!(provider.profiles("tv", &format!("/code/{code}")).await, json!({}));
    assert_eq!(submit(&provider, &page, "username=ann&password=right").await.elsewhere(), DONE);

    let profiles = provider.profiles("tv", &format!("/code/{code}")).await;
    let profile = &profiles["Cablevision"];
    assert_eq!((&profile["type"], &profile["issuer"]), (&json!("regular"), &json!("Cablevision")));
    assert_eq!(profile["sessionId"], session["sessionId"]);
    assert_eq!(profile["attributes"]["zip"], json!({ "value": ["12345"], "state": "plain" }));
    assert_eq!(profile["attributes"]["householdID"]["value"], "the house");
    assert_eq!(provider.profiles("tv", "").await, profiles, "the device has the profile too");
}

#[tokio::test]
async fn a_failed_or_cancelled_login_redirects_back_without_a_profile() {
    let provider = Provider::start().await;
    let account = json!({ "mvpd": "Cablevision", "user_name": "bob", "is_refused": true });
    provider.control("POST", "accounts", account).await;
    for fields in ["username=bob&password=any", "username=&password=&cancel=1"] {
        let code = provider.code("tv", "Cablevision").await;
        let page = login_page(&provider, &code).await;
        assert_eq!(submit(&provider, &page, fields).await.elsewhere(), DONE, "{fields}");
        assert_eq!(provider.profiles("tv", &format!("/code/{code}")).await, json!({}), "{fields}");

        // The session allows another attempt.
        let page = login_page(&provider, &code).await;
        submit(&provider, &page, "username=eve&password=any").await.elsewhere();
        let profiles = provider.profiles("tv", &format!("/code/{code}")).await;
        assert!(profiles["Cablevision"].is_object(), "{fields}: {profiles}");
        provider.control("POST", "profiles/invalidate", json!({})).await;
    }
}

#[tokio::test]
async fn a_login_that_cannot_continue_ends_on_an_error_page() {
    let provider = Provider::start().await;
    let incomplete = provider.session("tv", "mvpd=Cablevision").await;
    let code = provider.code("tv", "Cablevision").await;
    for (code, reason) in [
        ("NOSUCH1", "unknown"),
        (incomplete["code"].as_str().expect("a code"), "lacks domainName, redirectUrl"),
    ] {
        let page = open(&provider, &format!("/api/v2/authenticate/REF/{code}")).await.page(400);
        assert!(page.contains(reason), "{code}: {page}");
    }
    open(&provider, &format!("/api/v2/authenticate/OTHER/{code}")).await.page(400);

    // The code expires while the viewer types the password.
    let page = login_page(&provider, &code).await;
    provider.advance(30 * 60 * 1000).await;
    submit(&provider, &page, "username=ann&password=any").await.page(400);
    open(&provider, &format!("/api/v2/authenticate/REF/{code}")).await.page(400);
    assert_eq!(provider.profiles("tv", "").await, json!({}));
}

#[tokio::test]
async fn an_operators_assertion_is_accepted_once() {
    let provider = Provider::start().await;
    let code = provider.code("tv", "Cablevision").await;
    let form = format!("RelayState={code}&username=ann&password=any");
    let response =
        http::call(provider.address, "POST", "/operators/Cablevision/login").form(form).send().await;
    let back = response.header("location").to_owned();
    open(&provider, &back).await.elsewhere();
    open(&provider, &back).await.page(400);
}

#[tokio::test]
async fn a_login_that_is_not_needed_is_skipped() {
    let provider = Provider::start().await;
    let session = provider.session("tv", "").await;
    let code = session["code"].as_str().expect("a code");
    let path = format!("/api/v2/REF/sessions/{code}");
    ok(&provider.call("POST", &path).form(complete("TempPass")).send().await);
    assert_eq!(open(&provider, &format!("/api/v2/authenticate/REF/{code}")).await.elsewhere(), DONE);
}

#[tokio::test]
async fn a_test_can_finish_a_login_itself() {
    let provider = Provider::start().await;
    let session = provider.session("tv", "").await;
    let profile =
        json!({ "type": "regular", "ttl_ms": 60_000, "user": "ann", "attributes": { "language": null } });
    let login = json!({
        "service_provider": "REF", "code": session["code"], "mvpd": "Dish", "profile": profile,
    });
    assert_eq!(provider.control("POST", "login", login).await, json!({ "api": "v2" }));
    let profiles = provider.profiles("tv", "").await;
    assert_eq!(profiles["Dish"]["attributes"]["language"], Value::Null);
    provider.advance(60_000).await;
    assert_eq!(provider.profiles("tv", "").await, json!({}));
}
