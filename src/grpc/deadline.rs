//! The caller's deadline, from the header of gRPC over HTTP/2.

use std::time::Duration;

use http::HeaderMap;

use crate::domain::call::Deadline;

/// The deadline: `grpc-timeout` (at most 8 digits and a unit) from now. A malformed header is ignored.
pub(super) fn deadline_of(headers: &HeaderMap) -> Option<Deadline> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    parse_timeout(text).map(Deadline::after)
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "m", "1", "1x", "-1S", "123456789S", "1 S", "١S", "é"] {
            assert_eq!(parse_timeout(text), None, "{text:?}");
        }
    }
}
