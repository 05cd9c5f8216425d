//! How often a device may call (reference, section 6).

use std::collections::HashMap;

use http::{HeaderValue, StatusCode, header::SET_COOKIE};

use crate::answer::Answer;

const INTERVAL: i64 = 1000;
const BURST: i64 = 10;

/// A token bucket an address, each told by the time at which it will be full again: that is all there is to know of it.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    full_at: HashMap<String, i64>,
    sweep_at: usize,
}

impl Throttle {
    /// Whether the path is throttled at all.
    pub(crate) fn covers(path: &str) -> bool {
        ["/o/client/", "/reggie/v1/", "/api/v1/", "/api/v2/"].iter().any(|prefix| path.starts_with(prefix))
    }

    /// Whether the address may call now; if so it has.
    pub(crate) fn admit(&mut self, address: &str, now: i64) -> bool {
        self.sweep(now);
        // After the clock was moved back a bucket is empty at worst.
        let full_at = self.full_at.get(address).map_or(now, |&time| time.clamp(now, now + BURST * INTERVAL));
        let admitted = full_at - now <= (BURST - 1) * INTERVAL;
        if admitted {
            self.full_at.insert(address.to_owned(), full_at + INTERVAL);
        }
        admitted
    }

    /// Forgets full buckets, each time that there are twice as many as the last time left.
    fn sweep(&mut self, now: i64) {
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, &mut time| time > now);
            self.sweep_at = (2 * self.full_at.len()).max(1024);
        }
    }
}

/// What a device that calls too fast is told: a page, with the load balancer's cookies.
pub(crate) fn refusal() -> Answer {
    let mut answer = Answer::html(StatusCode::TOO_MANY_REQUESTS);
    for cookie in ["AWSALB=made-up; Path=/", "AWSALBCORS=made-up; Path=/; SameSite=None; Secure"] {
        answer.headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_calls_pass_at_once_and_one_more_each_second() {
        let mut throttle = Throttle::default();
        let admitted = (0..20).filter(|_| throttle.admit("a", 5_000)).count();
        assert_eq!(admitted, 10);
        assert!(throttle.admit("b", 5_000));
        assert!(!throttle.admit("a", 5_999));
        assert!(throttle.admit("a", 6_000));
        assert!(!throttle.admit("a", 6_000));
        assert!(throttle.admit("a", 60_000));
    }
}
