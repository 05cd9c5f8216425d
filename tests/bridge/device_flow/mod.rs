//! The complete flow of version 1 over version 2 of the provider: clients in the field, each with its peculiarities
//! (reference of the device flow, section 6.1), and the pages and browsers of their viewers.
//!
//! | module | contents |
//! |---|---|
//! | `client` | a client, with the headers that it sends in every call |
//! | `answer` | responses, parsed as clients parse them |
//! | `signature` | signed requests, the method before registration |
//! | `kodi`, `espn`, `quickbrick`, `nbc`, `willow`, `test_page`, `gotham` | clients found in the field |
//! | `second_screen` | the pages of programmers |
//! | `success`, `denial`, `fault` | every call in every format: on success, on refusal, and while the provider fails |
//! | other modules | one subject each |

mod already_logged_in;
mod answer;
mod attribute;
mod bad_input;
mod client;
mod configuration;
mod denial;
mod endpoint;
mod enhanced;
mod espn;
mod fault;
mod gotham;
mod grpc;
mod hint;
mod kodi;
mod nbc;
mod other_backend;
mod page;
mod polling;
mod quickbrick;
mod second_screen;
mod signature;
mod success;
mod temp_pass;
mod test_page;
mod willow;

use passbridge::config::{AddressLimit, BackendKind, Config, LegacyKey, Secret};
use serde_json::{Value, json};

use crate::support::{
    Bridge,
    rest::{access_token, statement_command},
};
use client::Client;

/// The default operator of logins.
const MVPD: &str = "Cablevision";

/// The default device id of calls, hashed as documented.
const DEVICE_ID: &str = "2ab3fb02b8e2a2f2";

/// The redirect URL of logins.
const DONE: &str = "https://activate.example.com/done";

/// A programmer's page that is allowed to call from a browser.
const ORIGIN: &str = "https://activate.example.com";

/// The address of the viewers' browsers.
const VIEWER_IP: &str = "198.51.100.20";

/// The server that the clients in the field call.
async fn field() -> Bridge {
    Bridge::configured(BackendKind::V2, configure).await
}

fn configure(config: &mut Config) {
    config.rest.legacy_keys = vec![LegacyKey {
        public_key: signature::PUBLIC_KEY.to_owned(),
        secret_key: Secret::from(signature::SECRET_KEY),
        requestors: vec!["REF".to_owned()],
        ..LegacyKey::default()
    }];
    config.rest.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    config.rest.address_limit = AddressLimit { per_second: 1_000_000, burst: 1_000_000 };
    config.rest.cors_origins = vec![ORIGIN.to_owned()];
}

/// A TV that has registered as documented.
async fn tv(bridge: &Bridge) -> Client<'_> {
    let token = access_token(&bridge.server, statement_command()).await;
    Client::new(bridge).with("authorization", format!("Bearer {token}"))
}

/// Creates a code for the default device.
async fn code(tv: &Client<'_>) -> String {
    let path = format!("/reggie/v1/REF/regcode.json?deviceId={DEVICE_ID}");
    let created = tv.post(&path, "device_info=eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9").await;
    answer::text(&answer::json(&created, 201), "code")
}

/// A TV whose viewer has logged in by a code and a browser, and the code.
async fn logged_in<'a>(bridge: &'a Bridge) -> (Client<'a>, String) {
    let tv = tv(bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(bridge, &code, MVPD).await;
    assert_eq!(check_login(&tv).await, 200);
    (tv, code)
}

/// The status of the TV's login check.
async fn check_login(tv: &Client<'_>) -> u16 {
    tv.get(&format!("/api/v1/checkauthn.json?requestor=REF&deviceId={DEVICE_ID}")).await.status.as_u16()
}

/// Waits until cached responses have expired.
async fn forget_answers(bridge: &Bridge) {
    bridge.advance(std::time::Duration::from_secs(61)).await;
}

/// Configures the mock provider.
async fn control(bridge: &Bridge, path: &str, body: Value) {
    bridge.provider.control("POST", path, body).await;
}

/// Makes the operator deny resources with this code.
async fn deny(bridge: &Bridge, code: &str) {
    control(bridge, "verdicts", json!({ "code": code, "details": "Call us, ann" })).await;
}
