//! A logged-in device requests a code and gets one that needs no login.

use serde_json::json;

use super::{
    DEVICE_ID, DONE, MVPD, answer, check_login, field, logged_in,
    second_screen::{self, xhr},
};

#[tokio::test]
async fn the_code_of_a_logged_in_device_redirects_back_at_once() {
    let bridge = field().await;
    let (tv, first) = logged_in(&bridge).await;
    let path = format!("/reggie/v1/REF/regcode.json?deviceId={DEVICE_ID}&mvpd={MVPD}");
    let created = tv.post(&path, "device_info=eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9").await;
    let created = answer::json(&created, 201);
    let code = answer::text(&created, "code");
    assert_ne!(code, first);
    assert!(created["expires"].as_u64() > created["generated"].as_u64());

    let page = xhr(&bridge);
    let read = answer::json(&page.get(&format!("/reggie/v1/REF/regcode/{code}.json")).await, 200);
    assert_eq!(read["id"], created["id"]);
    answer::json(&page.get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await, 200);
    let query = format!(
        "reg_code={code}&requestor_id=REF&mso_id={MVPD}&domain_name=adobe.com\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
    );
    assert_eq!(second_screen::start_login(&bridge, &query).await, DONE);
    let login = answer::json(&tv.get(&format!("/api/v1/authenticate/{code}.json?requestor=REF")).await, 200);
    assert_eq!(login["mvpd"], MVPD);
    let listed = page.get(&format!("/api/v1/preauthorize/{code}.json?requestor=REF&resource=a")).await;
    assert_eq!(answer::json(&listed, 200)["resources"][0]["authorized"], json!(true));
    assert_eq!(check_login(&tv).await, 200);

    let deleted = tv.delete(&format!("/reggie/v1/REF/regcode/{code}")).await;
    answer::empty(&deleted, 204);
    answer::message(&page.get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await, 403);
    assert_eq!(check_login(&tv).await, 200, "only the code was deleted");
}

#[tokio::test]
async fn a_deleted_code_does_not_redirect() {
    let bridge = field().await;
    let tv = super::tv(&bridge).await;
    let code = super::code(&tv).await;
    answer::empty(&tv.delete(&format!("/reggie/v1/REF/regcode/{code}")).await, 204);
    let query = format!(
        "reg_code={code}&requestor_id=REF&mso_id={MVPD}&domain_name=adobe.com\
         &redirect_url=https%3A%2F%2Factivate.example.com%2Fdone"
    );
    let page = second_screen::browser(&bridge);
    answer::message(&page.get(&format!("/api/v1/authenticate.json?{query}")).await, 400);
    answer::message(&page.get(&format!("/api/v1/checkauthn/{code}.json?requestor=REF")).await, 403);
    answer::message(&tv.get(&format!("/api/v1/authenticate/{code}.json?requestor=REF")).await, 404);
}
