//! The Kodi module: it signs every request, requests JSON by `format`, parses every error as JSON, and detects success by
//! status only. It keeps cookies across starts.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{MVPD, answer, client::Client, deny, field, second_screen, signature::signed};
use crate::support::{Bridge, http::Answer, test_server::START};

const DEVICE_ID: &str = "9e3c1a62-7f0b-11ee-b962-0242ac120002";

/// A document as a resource, already encoded in the add-on's source.
const RESOURCE: &str = "%3Crss+version%3D%222.0%22+xmlns%3Amedia%3D%22http%3A%2F%2Fsearch.yahoo.com%2Fmrss%2F%22%3E\
                        %3Cchannel%3E%3Ctitle%3ENEWS%3C%2Ftitle%3E%3Citem%3E%3Ctitle%3EA%2C+B+%26amp%3B+C%3C%2Ftitle\
                        %3E%3C%2Fitem%3E%3C%2Fchannel%3E%3C%2Frss%3E";

struct Kodi<'a> {
    client: Client<'a>,
    nonces: std::ops::RangeFrom<u32>,
}

impl<'a> Kodi<'a> {
    fn new(bridge: &'a Bridge) -> Self {
        let client = Client::new(bridge)
            .with("accept", "*/*")
            .with("content-type", "application/x-www-form-urlencoded")
            .with("accept-language", "en-US")
            .with("user-agent", "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 Chrome/43.0.2357.81")
            .with("cookie", "JSESSIONID=kept; AWSALB=kept-too; client_type=html5")
            .with("pragma", "no-cache");
        Self { client, nonces: 0.. }
    }

    /// The client with a signature for one call.
    fn signing(&mut self, method: &str, path: &str) -> Client<'a> {
        let nonce = self.nonces.next().expect("endless").to_string();
        self.client.clone().with("authorization", signed(method, path, &nonce, START))
    }

    async fn get(&mut self, path: &str, query: &str) -> Answer {
        self.signing("GET", path).get(&format!("{path}?deviceId={DEVICE_ID}{query}&format=json")).await
    }

    async fn about(&mut self, path: &str) -> Answer {
        self.get(path, &format!("&requestor=REF&resource={RESOURCE}")).await
    }

    async fn register(&mut self) -> String {
        let path = "/reggie/v1/REF/regcode";
        // Nothing is encoded, and only this call names the application.
        let form = format!(
            "registrationURL=http://sp.auth.adobe.com/adobe-services&ttl=3600&deviceId={DEVICE_ID}&format=json\
             &appId=kodi&appVersion=1&deviceType=Kodi&mvpd={MVPD}"
        );
        let client = self.signing("POST", path);
        // The client already sends the header.
        let created = client.send(client.call("POST", path).body(form)).await;
        answer::text(&answer::json(&created, 201), "code")
    }

    async fn log_out(&mut self) -> Answer {
        let path = "/api/v1/logout";
        let client = self.signing("DELETE", path);
        client.delete(&format!("{path}?deviceId={DEVICE_ID}&requestor=REF&format=json")).await
    }
}

#[tokio::test]
async fn the_kodi_module_logs_in_plays_and_logs_out() {
    let bridge = field().await;
    let mut kodi = Kodi::new(&bridge);
    // Without a requestor, because the signature has it.
    let refused = kodi.get("/api/v1/checkauthn", "").await;
    assert!(!answer::message(&refused, 403).is_empty());
    let code = kodi.register().await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    bridge.advance(std::time::Duration::from_secs(5)).await;
    answer::json(&kodi.get("/api/v1/checkauthn", "").await, 200);

    let login = answer::json(&kodi.about("/api/v1/tokens/authn").await, 200);
    assert_eq!(login["mvpd"], MVPD);
    answer::expires(&login);
    let permitted = answer::json(&kodi.about("/api/v1/authorize").await, 200);
    let resource: String =
        form_urlencoded::parse(format!("r={RESOURCE}").as_bytes()).map(|(_, it)| it).collect();
    assert_eq!(permitted["resource"], resource, "the resource is returned as sent");
    let kept = answer::json(&kodi.about("/api/v1/tokens/authz").await, 200);
    assert_eq!(kept["expires"], permitted["expires"]);
    let media = answer::json(&kodi.about("/api/v1/mediatoken").await, 200);
    let token = BASE64_STANDARD.decode(answer::text(&media, "serializedToken")).expect("base64");
    assert!(token.starts_with(b"<signatu"), "{}", String::from_utf8_lossy(&token));
    answer::json(&kodi.about("/api/v1/preauthorize").await, 200);

    answer::empty(&kodi.log_out().await, 204);
    answer::message(&kodi.get("/api/v1/checkauthn", "").await, 403);
}

#[tokio::test]
async fn every_error_for_the_kodi_module_is_json_with_a_message() {
    let bridge = field().await;
    let mut kodi = Kodi::new(&bridge);
    for path in ["/api/v1/authorize", "/api/v1/tokens/authz", "/api/v1/mediatoken", "/api/v1/tokens/authn"] {
        let refused = kodi.about(path).await;
        assert!(!refused.status.is_success(), "{path}: {refused:?}");
        answer::message(&refused, refused.status.as_u16());
    }
    let code = kodi.register().await;
    second_screen::log_in(&bridge, &code, MVPD).await;
    // The last response for the device stays cached for some seconds.
    bridge.advance(std::time::Duration::from_secs(5)).await;
    deny(&bridge, "authorization_denied_by_mvpd").await;
    let refused: Value = answer::json(&kodi.about("/api/v1/authorize").await, 403);
    assert_eq!(
        (&refused["message"], &refused["details"]),
        (&"User not authorized".into(), &"Call us, ann".into())
    );
}
