//! The login of Applicaster's apps for Samsung, Android TV and tvOS: it polls for the login token every five seconds, and
//! logs out with its device id alone.

use std::time::Duration;

use super::{DEVICE_ID, MVPD, answer, client::Client, field, second_screen, signature::signed};
use crate::support::test_server::START;

#[tokio::test]
async fn an_app_polls_for_the_login_token_and_logs_out_by_device() {
    let bridge = field().await;
    let tv = Client::new(&bridge).with("accept", "application/json");
    let register = tv.clone().with("authorization", signed("POST", "/regcode", "1", START));
    let created = register.post("/reggie/v1/REF/regcode", format!("deviceId={DEVICE_ID}&format=json")).await;
    let code = answer::text(&answer::json(&created, 201), "code");

    // A GET with the signature of a POST to another path.
    let poll = tv.clone().with("authorization", signed("POST", "/authn", "2", START));
    let path = format!("/api/v1/tokens/authn?deviceId={DEVICE_ID}&requestor=REF");
    for _ in 0..4 {
        answer::message(&poll.get(&path).await, 404);
        bridge.advance(Duration::from_secs(5)).await;
    }
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge.advance(Duration::from_secs(5)).await;
    let login = answer::json(&poll.get(&path).await, 200);
    assert_eq!(login["mvpd"], MVPD);
    assert!(!answer::text(&login, "userId").is_empty());

    // A DELETE with the signature of a GET.
    let out = tv.clone().with("authorization", signed("GET", "/logout", "3", START));
    answer::empty(&out.delete(&format!("/api/v1/logout?deviceId={DEVICE_ID}")).await, 204);
    answer::message(&poll.get(&path).await, 404);
    let calls = bridge.provider.calls_to("/api/v2/REF/logout/").await;
    assert_eq!(calls.len(), 1, "the login ends at the provider too: {calls:?}");
}
