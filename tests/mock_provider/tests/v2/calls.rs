//! The rate limit of devices, call rates, and the delay of responses.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::{
    Provider, TV_ADDRESS,
    http::{self, Answer},
    ok,
};

/// Calls until the rate limit refuses, however slow this machine is.
async fn refusal(provider: &Provider) -> Answer {
    for _ in 0..1000 {
        let answer = provider.call("GET", "/api/v2/REF/configuration").send().await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("a thousand calls are too few");
}

#[tokio::test]
async fn a_device_that_calls_too_fast_gets_a_429_page() {
    let provider = Provider::with(&[]).await;
    let path = "/api/v2/REF/configuration";
    let refused = refusal(&provider).await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (429, "text/html"));
    let cookies: Vec<_> = refused.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    // Other devices are served, and so is the same device in the next second.
    let other = http::call(provider.address, "GET", path).header("x-forwarded-for", "203.0.113.8");
    assert_eq!(other.send().await.status, 401);
    provider.advance(1000).await;
    ok(&provider.call("GET", path).send().await);
}

/// The counts by endpoint, or by address if there is no endpoint.
fn counted(rates: &Value, list: &str) -> HashMap<String, Value> {
    let rates = rates[list].as_array().expect("a list").iter();
    rates
        .map(|rate| {
            (rate["endpoint"].as_str().or(rate["address"].as_str()).expect("text").to_owned(), rate.clone())
        })
        .collect()
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_by_address() {
    let provider = Provider::start().await;
    provider.control("DELETE", "calls", json!(null)).await;
    for mvpd in ["Cablevision", "Dish", "Spectrum"] {
        provider.profiles("tv", &format!("/{mvpd}")).await;
        provider.advance(2000).await;
    }
    provider.profiles("tv", "").await;
    provider.profiles("tv", "").await;
    let rates = provider.control("GET", "rates", json!(null)).await;
    let endpoints = counted(&rates, "endpoints");
    let slow = &endpoints["GET /api/v2/{serviceProvider}/profiles/{mvpd}"];
    assert_eq!((&slow["calls"], &slow["most_in_a_second"]), (&json!(3), &json!(1)), "{slow}");
    assert!(slow["last_ms"].as_i64() >= slow["first_ms"].as_i64().map(|first| first + 4000), "{slow}");
    let fast = &endpoints["GET /api/v2/{serviceProvider}/profiles"];
    assert_eq!((&fast["calls"], &fast["address"]), (&json!(2), &json!(TV_ADDRESS)), "{fast}");
    let addresses = counted(&rates, "addresses");
    assert_eq!((&addresses[TV_ADDRESS]["calls"], &addresses[TV_ADDRESS]["refused"]), (&json!(5), &json!(0)));
}

#[tokio::test]
async fn refused_calls_are_counted() {
    let provider = Provider::with(&[]).await;
    provider.control("DELETE", "calls", json!(null)).await;
    refusal(&provider).await;
    let rates = provider.control("GET", "rates", json!(null)).await;
    let rate = &counted(&rates, "addresses")[TV_ADDRESS];
    assert_eq!(rate["refused"], 1, "{rate}");
    assert!(rate["most_in_a_second"].as_u64() >= Some(2), "{rate}");
}

#[tokio::test]
async fn every_response_has_the_configured_delay() {
    let provider = Provider::start().await;
    let path = "/api/v2/REF/configuration";
    provider.control("POST", "settings", json!({ "delay_ms": 86_400_000 })).await;
    let mut waiting = Box::pin(provider.call("GET", path).send());
    let arrived = async {
        loop {
            let calls = provider.control("GET", "calls", json!(null)).await;
            let calls = calls.as_array().expect("a list").clone();
            if calls.iter().any(|call| call["path"] == path) {
                break calls;
            }
        }
    };
    tokio::select! {
        answer = &mut waiting => panic!("answered at once: {answer:?}"),
        calls = arrived => assert_eq!(calls.last().expect("one")["status"], 0, "no response yet"),
    }
    provider.control("POST", "settings", json!({ "delay_ms": 0 })).await;
    ok(&provider.call("GET", path).send().await);
}
