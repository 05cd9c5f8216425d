//! Programmers' pages, on which viewers type codes and choose an operator.

use super::{DEVICE_ID, DONE, MVPD, ORIGIN, VIEWER_IP, answer, check_login, client::Client, code, field, tv};
use crate::{browser, support::Bridge};

/// A browser on a programmer's page, without a token.
pub fn browser(bridge: &Bridge) -> Client<'_> {
    Client::at(bridge, VIEWER_IP)
}

/// The same browser, with calls from a script of the page.
pub fn xhr(bridge: &Bridge) -> Client<'_> {
    browser(bridge).with("origin", ORIGIN).with("accept", "*/*")
}

/// The URL to which a browser is redirected for a login with a code.
pub async fn start_login(bridge: &Bridge, query: &str) -> String {
    let answer = browser(bridge).get(&format!("/api/v1/authenticate?{query}")).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.header("location").to_owned()
}

/// A viewer logs in with a code, as documented.
pub async fn log_in(bridge: &Bridge, code: &str, mvpd: &str) {
    let done: String = form_urlencoded::byte_serialize(DONE.as_bytes()).collect();
    let query = format!(
        "reg_code={code}&requestor_id=REF&domain_name=example.com&noflash=true&no_iframe=true&mso_id={mvpd}\
         &redirect_url={done}"
    );
    let url = start_login(bridge, &query).await;
    assert_eq!(browser::log_in(bridge, &url).await, DONE);
}

#[tokio::test]
async fn the_cnbc_page_checks_the_code_and_the_login_from_the_browser() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    let page = xhr(&bridge);
    let read = page.get(&format!("/reggie/v1/REF/regcode/{code}.json")).await;
    assert_eq!(answer::text(&answer::json(&read, 200), "code"), code);
    assert_eq!(read.header("access-control-allow-origin"), ORIGIN);
    assert_ne!(page.get("/reggie/v1/REF/regcode/ZZZZZZZ.json").await.status, 200, "a mistyped code");

    let check = format!("/api/v1/checkauthn/{code}?requestor=REF");
    assert_eq!(page.get(&check).await.status, 403, "no login yet");
    // `redirect_url` is not the last parameter, and has the code in its own query.
    let back = format!("{DONE}?code={code}&from=tv");
    let encoded: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let query = format!(
        "redirect_url={encoded}&requestor_id=REF&mso_id={MVPD}&reg_code={code}&domain_name=example.com\
         &no_iframe=true&flash=true"
    );
    let url = start_login(&bridge, &query).await;
    assert_eq!(browser::log_in(&bridge, &url).await, back);
    let checked = page.get(&check).await;
    assert!(checked.status.is_success(), "{checked:?}");
    assert_eq!(checked.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(checked.header("access-control-allow-credentials"), "true");
    assert_eq!(check_login(&tv).await, 200);
}

#[tokio::test]
async fn the_xfinity_page_treats_the_redirect_as_success() {
    let bridge = field().await;
    let tv = tv(&bridge).await;
    let code = code(&tv).await;
    assert!(code.len() == 7 && code.bytes().all(|letter| letter.is_ascii_alphanumeric()), "{code}");
    // Typed in lower case and upper-cased by the page; without `no_iframe`.
    let typed = code.to_lowercase().to_uppercase();
    let query = format!(
        "reg_code={typed}&requestor_id=REF&mso_id=Comcast_SSO&domain_name=example.com&noflash=true\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
    );
    let url = start_login(&bridge, &query).await;
    assert_eq!(browser::log_in(&bridge, &url).await, DONE);
    let path = format!("/api/v1/tokens/authn.json?requestor=REF&deviceId={DEVICE_ID}");
    let login = answer::json(&tv.get(&path).await, 200);
    assert_eq!(login["mvpd"], "Comcast_SSO");
}
