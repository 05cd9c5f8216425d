//! The rate limit of devices (reference, section 6).

use std::collections::HashMap;

use http::{HeaderValue, StatusCode, header::SET_COOKIE};

use crate::answer::Answer;

const INTERVAL: i64 = 1000;
const BURST: i64 = 10;

/// One token bucket per address, represented by the time at which it will be full again.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    full_at: HashMap<String, i64>,
    sweep_at: usize,
}

impl Throttle {
    /// Returns whether the path is rate-limited.
    pub(crate) fn covers(path: &str) -> bool {
        ["/o/client/", "/reggie/v1/", "/api/v1/", "/api/v2/"].iter().any(|prefix| path.starts_with(prefix))
    }

    /// Takes a token; returns whether the address may call now.
    pub(crate) fn admit(&mut self, address: &str, now: i64) -> bool {
        self.sweep(now);
        // If the clock was set back, a bucket is at most empty.
        let full_at = self.full_at.get(address).map_or(now, |&time| time.clamp(now, now + BURST * INTERVAL));
        let admitted = full_at - now <= (BURST - 1) * INTERVAL;
        if admitted {
            self.full_at.insert(address.to_owned(), full_at + INTERVAL);
        }
        admitted
    }

    /// Removes full buckets whenever the number of buckets has doubled since the last removal.
    fn sweep(&mut self, now: i64) {
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, &mut time| time > now);
            self.sweep_at = (2 * self.full_at.len()).max(1024);
        }
    }
}

/// The response to a device that calls too fast: a page with the load balancer's cookies.
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
    fn a_burst_of_ten_calls_passes_and_then_one_per_second() {
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
