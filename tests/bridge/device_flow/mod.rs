//! The whole flow of version 1 over version 2 of the provider: clients in the field, each in its own way (reference of the
//! device flow, section 6.1), and the pages and browsers of their viewers.
//!
//! | module | what it is for |
//! |---|---|
//! | `client` | what all clients have in common: what they send with every call |
//! | `answer` | answers, read as clients read them |
//! | `signature` | requests signed as before registration |
//! | `kodi`, `espn`, `quickbrick`, `nbc`, `willow`, `test_page`, `gotham` | clients that were found in the field |
//! | `second_screen` | the pages of programmers |
//! | `success`, `denial`, `fault` | every call in every format: what it answers where all is well, where it is refused, and where the provider fails |
//! | the others | one subject each |

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

/// The operator of all logins that do not say otherwise.
const MVPD: &str = "Cablevision";

/// The device of all calls that do not say otherwise, hashed as the documents ask for.
const DEVICE_ID: &str = "2ab3fb02b8e2a2f2";

/// Where a viewer's browser comes back to.
const DONE: &str = "https://activate.example.com/done";

/// The page of a programmer that may call from a browser.
const ORIGIN: &str = "https://activate.example.com";

/// Where the viewers' browsers are.
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

/// A TV that has registered as the documents ask for, and knows nothing else.
async fn tv(bridge: &Bridge) -> Client<'_> {
    let token = access_token(&bridge.server, statement_command()).await;
    Client::new(bridge).with("authorization", format!("Bearer {token}"))
}

/// A code of the usual device.
async fn code(tv: &Client<'_>) -> String {
    let path = format!("/reggie/v1/REF/regcode.json?deviceId={DEVICE_ID}");
    let created = tv.post(&path, "device_info=eyJtb2RlbCI6IkFGVE1NIiwib3NOYW1lIjoiQW5kcm9pZCJ9").await;
    answer::text(&answer::json(&created, 201), "code")
}

/// A TV whose viewer has logged in with the operator, by a code and a browser; and the code.
async fn logged_in<'a>(bridge: &'a Bridge) -> (Client<'a>, String) {
    let tv = tv(bridge).await;
    let code = code(&tv).await;
    second_screen::log_in(bridge, &code, MVPD).await;
    assert_eq!(check_login(&tv).await, 200);
    (tv, code)
}

/// The status that the TV gets when it asks whether somebody is logged in.
async fn check_login(tv: &Client<'_>) -> u16 {
    tv.get(&format!("/api/v1/checkauthn.json?requestor=REF&deviceId={DEVICE_ID}")).await.status.as_u16()
}

/// Lets pass what the TV was told a moment ago.
async fn forget_answers(bridge: &Bridge) {
    bridge.advance(std::time::Duration::from_secs(61)).await;
}

/// Gives the stand-in an order.
async fn order(bridge: &Bridge, path: &str, body: Value) {
    bridge.provider.order("POST", path, body).await;
}

/// Has the operator deny what is asked for, for this reason.
async fn deny(bridge: &Bridge, code: &str) {
    order(bridge, "verdicts", json!({ "code": code, "details": "Call us, ann" })).await;
}
