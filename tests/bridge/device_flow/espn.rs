//! The clients of ESPN: they poll by code, sign the whole URL or a path of their own, and parse `expires` as a number.

use super::{DEVICE_ID, MVPD, answer, client::Client, field, second_screen, signature::signed};
use crate::support::{Bridge, http::Answer, test_server::START};

struct Espn<'a> {
    client: Client<'a>,
}

impl<'a> Espn<'a> {
    fn new(bridge: &'a Bridge) -> Self {
        Self { client: Client::new(bridge).with("accept", "application/json") }
    }

    /// A call whose signature has this `request_uri`.
    async fn get(&self, request_uri: &str, path: &str) -> Answer {
        let client = self.client.clone().with("authorization", signed("GET", request_uri, path, START));
        client.get(path).await
    }

    /// Registers with parameters in the query and an empty JSON object as the body.
    async fn register(&self) -> String {
        let path = format!("/reggie/v1/REF/regcode?deviceId={DEVICE_ID}&deviceType=appletv&ttl=3600");
        let client = self.client.clone().with("authorization", signed("POST", "/regcode", "code", START));
        let create = client.call("POST", &path).header("content-type", "application/json").body("{}");
        answer::text(&answer::json(&client.send(create).await, 201), "code")
    }
}

#[tokio::test]
async fn an_espn_client_polls_by_its_code_until_the_login() {
    let bridge = field().await;
    let espn = Espn::new(&bridge);
    let code = espn.register().await;
    let path = format!("/api/v1/authenticate/{code}?requestor=REF");
    let whole = format!("https://api.auth.adobe.com{path}");
    for _ in 0..3 {
        answer::message(&espn.get(&whole, &path).await, 404);
        bridge.advance(std::time::Duration::from_secs(5)).await;
    }
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge.advance(std::time::Duration::from_secs(5)).await;
    let login = answer::json(&espn.get(&whole, &path).await, 200);
    assert_eq!(answer::names(&login), ["expires", "mvpd", "requestor", "userId"]);
    assert_eq!((&login["mvpd"], &login["requestor"]), (&MVPD.into(), &"REF".into()));
    assert!(answer::expires(&login) > START, "{login}");
    // The client continues to poll by the code after the login.
    bridge.advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(answer::json(&espn.get(&whole, &path).await, 200), login);

    let device = format!("requestor=REF&deviceId={DEVICE_ID}");
    let known = espn.get("/tokens/authn", &format!("/api/v1/tokens/authn?{device}")).await;
    assert_eq!(answer::json(&known, 200), login);
    let permitted = espn.get("/authorize", &format!("/api/v1/authorize?{device}&resource=espn1")).await;
    let permitted = answer::json(&permitted, 200);
    assert!(answer::expires(&permitted) > START);
    assert_eq!(answer::names(&permitted), ["expires", "mvpd", "requestor", "resource"]);
    let media = espn.get("/mediatoken", &format!("/api/v1/mediatoken?{device}&resource=espn1")).await;
    let media = answer::json(&media, 200);
    assert_eq!(
        answer::names(&media),
        ["expires", "mvpdId", "requestor", "resource", "serializedToken", "userId"]
    );
    assert_eq!(media["userId"], login["userId"]);
    assert!(answer::expires(&media) > START);

    // By device only, with the requestor in the signature.
    let path = format!("/api/v1/logout?deviceId={DEVICE_ID}");
    let client = espn.client.clone().with("authorization", signed("DELETE", "/logout", "out", START));
    answer::empty(&client.delete(&path).await, 204);
    let refused = espn.get("/mediatoken", &format!("/api/v1/mediatoken?{device}&resource=espn1")).await;
    let refused = answer::json(&refused, 403);
    assert_eq!(refused["status"], 403, "the client compares a number");
}
