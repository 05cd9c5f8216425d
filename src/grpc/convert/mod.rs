//! Conversion between messages, whose fields are arbitrary text, and domain values, which are always valid.

pub(super) mod device_info;
pub(super) mod entitlement;
pub(super) mod registration;
pub(super) mod temp_pass;

use crate::{
    domain::{
        address::Address,
        clock::Timestamp,
        device_info::USER_AGENT_MAX,
        error::{Violation, Violations},
        id::DeviceId,
        temp_pass::is_all,
    },
    service::policy::{Place, Policy},
};

fn user_agent(violations: &mut Violations, text: String) -> String {
    violations.check_text("user_agent", &text, USER_AGENT_MAX);
    text
}

fn address(violations: &mut Violations, field: &str, text: &str) -> Option<Address> {
    if text.is_empty() {
        return None;
    }
    violations.take(
        text.parse()
            .map_err(|_| Violation::new(field, "must be an IP address, such as 203.0.113.7 or 2001:db8::7")),
    )
}

/// The place that a request names.
fn place(
    violations: &mut Violations,
    policy: &Policy,
    environment: &str,
    requestor_id: &str,
) -> Option<Place> {
    violations.take_all(policy.place(("environment", environment), ("requestor_id", requestor_id)))
}

fn timestamp(timestamp: Timestamp) -> prost_types::Timestamp {
    let millis = timestamp.as_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(millis / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1000).unwrap_or_default() * 1_000_000,
    }
}

fn port(violations: &mut Violations, field: &str, number: u32) -> Option<u16> {
    let port = u16::try_from(number)
        .map_err(|_| Violation::new(field, format!("must be 1 to 65535, or 0 if unknown, but is {number}")));
    violations.take(port).filter(|port| *port != 0)
}

fn required_device_id(text: &str) -> std::result::Result<DeviceId, Violation> {
    if text.is_empty() {
        return Err(Violation::new("device_id", "is required: the device's identifier, 1 to 2048 bytes"));
    }
    if is_all(text) {
        return Err(Violation::new("device_id", "must be the identifier of a device, but is the word all"));
    }
    DeviceId::parse("device_id", text)
}
