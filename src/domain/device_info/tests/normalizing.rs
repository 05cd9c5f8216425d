//! Precedence of sources, and values that no device should send.

use std::sync::Arc;

use proptest::prelude::*;

use super::{
    super::{DeviceInfo, Normalizer, ObservedConnection, Version, user_agent::UserAgents},
    minimal,
};
use crate::domain::address::Address;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36";

fn version(major: u32, minor: u32, patch: u32) -> Version {
    Version { major, minor, patch, profile: String::new() }
}

#[test]
fn versions_are_split_at_the_dots() {
    for (text, expected) in [
        ("7.1.2", version(7, 1, 2)),
        ("112.0.5615.197", version(112, 0, 5615)),
        ("10.0.19045.1", version(10, 0, 19045)),
        ("13", version(13, 0, 0)),
        ("17_4_1", version(17, 4, 1)),
        ("v4.2", version(4, 2, 0)),
        ("Android 13", version(13, 0, 0)),
        ("12.4-beta", version(12, 4, 0)),
        ("99999999999999999999.1", version(i32::MAX as u32, 1, 0)),
        ("NS6297", version(0, 0, 0)),
        ("1..3", version(1, 0, 3)),
        ("", version(0, 0, 0)),
        ("…", version(0, 0, 0)),
    ] {
        assert_eq!(Version::parse(text), expected, "{text:?}");
    }
}

#[test]
fn invalid_sizes_are_zero_and_large_ones_saturate() {
    let info = DeviceInfo {
        display_width: Some("1920.5px".into()),
        display_height: Some("-5".into()),
        display_ppi: Some("1".repeat(900)),
        ..minimal()
    };
    let display = Normalizer::new().normalize(Some(&info), &ObservedConnection::default()).display;
    assert_eq!((display.width, display.height, display.ppi), (1920, 0, i32::MAX as u32));
}

#[test]
fn unknown_facts_have_a_value_in_the_normalized_form() {
    let json = Normalizer::new().normalize(None, &ObservedConnection::default()).to_json();
    assert!(json.starts_with(r#"{"type":"Unknown","model":"Unknown","version":{"major":0"#), "{json}");
    assert!(
        json.ends_with(r#""connection":{"ipAddress":null,"port":null,"secure":false,"type":null}}"#),
        "{json}"
    );
}

#[test]
fn blank_values_are_treated_as_absent() {
    let ip: Address = "::ffff:192.0.2.1".parse().expect("an address");
    let info = DeviceInfo {
        connection_ip: Some(" ".into()),
        connection_port: Some(String::new()),
        user_agent: Some(" ".into()),
        ..minimal()
    };
    let connection = ObservedConnection { user_agent: Some(CHROME), ip: Some(ip), port: Some(0) };
    let normalized = Normalizer::new().normalize(Some(&info), &connection);
    assert_eq!(normalized.connection.ip_address.as_deref(), Some("192.0.2.1"));
    assert_eq!(normalized.connection.port, None);
    assert_eq!(normalized.browser.user_agent.as_deref(), Some(CHROME));
}

#[test]
fn a_user_agent_of_another_system_is_used_for_the_browser_only() {
    let info = DeviceInfo { model: Some("Roku".into()), os_name: Some("Roku OS".into()), ..minimal() };
    let connection = ObservedConnection { user_agent: Some(CHROME), ..ObservedConnection::default() };
    let normalized = Normalizer::new().normalize(Some(&info), &connection);
    assert_eq!(normalized.hardware_type, "SetTopBox");
    assert_eq!(normalized.operating_system.vendor.as_deref(), Some("Roku"));
    assert_eq!(normalized.operating_system.version, Version::default());
    assert_eq!(normalized.browser.version, version(124, 0, 0));
}

#[test]
fn a_named_browser_does_not_get_the_version_of_another_one() {
    let info = DeviceInfo { browser_name: Some("Firefox".into()), ..minimal() };
    let connection = ObservedConnection { user_agent: Some(CHROME), ..ObservedConnection::default() };
    let browser = Normalizer::new().normalize(Some(&info), &connection).browser;
    assert_eq!(browser.vendor.as_deref(), Some("Mozilla"));
    assert_eq!(browser.version, Version::default());
}

#[test]
fn a_user_agent_is_parsed_once() {
    let user_agents = UserAgents::new();
    let first = user_agents.read(CHROME);
    assert!(first.browser.is_some(), "the patterns compile");
    assert!(Arc::ptr_eq(&first, &user_agents.read(CHROME)));
}

#[test]
fn the_cache_is_bounded_in_entries_and_bytes() {
    let user_agents = UserAgents::new();
    for number in 0..20_000 {
        user_agents.read(&format!("junk {number}"));
    }
    for number in 0..6_000 {
        user_agents.read(&format!("{number} {}", "x".repeat(4000)));
    }
    let (entries, bytes) = user_agents.remembered();
    assert!(entries <= 16_384, "{entries} entries");
    assert!(bytes <= 8 * 1024 * 1024, "{bytes} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn normalizing_any_text_does_not_panic(texts in proptest::collection::vec(any::<String>(), 16..64)) {
        let normalizer = Normalizer::new();
        let user_agents = ["PlayStation 5é", "Roku/DVP-", "AFT (Android ", "Chrome/", "CPU OS ", "Tizen like Gecko) "];
        for text in texts.iter().map(String::as_str).chain(user_agents) {
            let info = DeviceInfo { model: Some(text.into()), os_name: Some(text.into()), os_version: Some(text.into()), ..minimal() };
            let connection = ObservedConnection { user_agent: Some(text), ..ObservedConnection::default() };
            let _ = normalizer.normalize(Some(&info), &connection).encode();
            let _ = normalizer.normalize(None, &connection).encode();
        }
    }
}
