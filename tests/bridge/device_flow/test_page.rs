//! A test page like those of the provider's support: an extension on every path, one signed header for all calls, and a code
//! that is parsed from XML.

use super::{DEVICE_ID, MVPD, answer, client::Client, field, second_screen, signature::signed};
use crate::support::test_server::START;

#[tokio::test]
async fn one_signature_is_accepted_for_a_session_and_every_path_may_have_an_extension() {
    let bridge = field().await;
    let page = Client::new(&bridge).with("authorization", signed("POST", "/regcode", "the only one", START));
    let device = format!("deviceId={DEVICE_ID}&requestor=REF");
    let created = page.post("/reggie/v1/REF/regcode", format!("deviceId={DEVICE_ID}&ttl=1800")).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert!(created.header("content-type").starts_with("application/xml"), "the page requests no format");
    let code = answer::element(&created.body, "code").to_owned();

    let check_code = format!("/api/v1/checkauthn/{code}.json?{device}");
    answer::message(&page.get(&check_code).await, 403);
    let typed = code.to_lowercase();
    second_screen::log_in(&bridge, &typed, MVPD).await;
    answer::json(&page.get(&check_code).await, 200);
    let login = answer::json(&page.get(&format!("/api/v1/authenticate/{code}.json?{device}")).await, 200);
    answer::json(&page.get(&format!("/api/v1/checkauthn.json?{device}")).await, 200);
    let token = answer::json(&page.get(&format!("/api/v1/tokens/authn.json?{device}")).await, 200);
    assert_eq!(login, token);

    let resource = format!("{device}&resource=TestStream1");
    let permitted = answer::json(&page.get(&format!("/api/v1/authorize.json?{resource}")).await, 200);
    let kept = answer::json(&page.get(&format!("/api/v1/tokens/authz.json?{resource}")).await, 200);
    assert_eq!(permitted, kept);
    answer::json(&page.get(&format!("/api/v1/tokens/media.json?{resource}")).await, 200);
    answer::json(&page.get(&format!("/api/v1/mediatoken.json?{resource}")).await, 200);
    answer::json(&page.get(&format!("/api/v1/preauthorize.json?{resource},TestStream2")).await, 200);
    let by_code = format!("/api/v1/preauthorize/{code}.json?requestor=REF&resource=TestStream1,TestStream2");
    answer::json(&page.get(&by_code).await, 200);
    answer::json(&page.get(&format!("/api/v1/tokens/usermetadata.json?{device}")).await, 200);
    answer::json(&page.get("/api/v1/config/REF.json").await, 200);
    answer::empty(&page.delete(&format!("/api/v1/logout.json?{device}")).await, 204);
    let preview = format!("{device}&requestor_id=REF&mso_id=TempPass&domain_name=adobe.com");
    answer::empty(&page.post("/api/v1/authenticate/freepreview.json", preview).await, 204);
}
