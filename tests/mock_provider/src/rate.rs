//! Call rates by address and endpoint.

use std::collections::BTreeMap;

use serde::Serialize;

/// A call, as counted.
#[derive(Debug)]
pub(crate) struct Counted {
    /// The method and endpoint, without the names in the path.
    pub endpoint: String,
    /// The device's address.
    pub address: String,
    /// The time of arrival, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The status; 0 until there is one.
    pub status: u16,
    /// Whether the provider limits such calls.
    pub is_throttled: bool,
}

/// The counts.
#[derive(Debug, Serialize)]
pub(crate) struct Rates {
    endpoints: Vec<Rate>,
    /// All rate-limited calls of each address.
    addresses: Vec<Rate>,
}

#[derive(Debug, Serialize)]
struct Rate {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    address: String,
    calls: usize,
    /// The number of 429 responses.
    refused: usize,
    first_ms: i64,
    last_ms: i64,
    /// The most calls in less than one second.
    most_in_a_second: usize,
}

impl Rates {
    /// Counts these calls.
    pub(crate) fn of(calls: impl IntoIterator<Item = Counted>) -> Self {
        let mut endpoints = BTreeMap::<_, Vec<_>>::new();
        let mut addresses = BTreeMap::<_, Vec<_>>::new();
        for call in calls {
            let moment = (call.at_ms, call.status);
            if call.is_throttled {
                addresses.entry(call.address.clone()).or_default().push(moment);
            }
            endpoints.entry((call.endpoint, call.address)).or_default().push(moment);
        }
        let of_endpoint = |((endpoint, address), moments)| Rate::of(Some(endpoint), address, moments);
        Self {
            endpoints: endpoints.into_iter().map(of_endpoint).collect(),
            addresses: addresses
                .into_iter()
                .map(|(address, moments)| Rate::of(None, address, moments))
                .collect(),
        }
    }
}

impl Rate {
    fn of(endpoint: Option<String>, address: String, mut moments: Vec<(i64, u16)>) -> Self {
        // A test may have set the clock back.
        moments.sort_unstable();
        let refused = moments.iter().filter(|(_, status)| *status == 429).count();
        let times: Vec<_> = moments.into_iter().map(|(at_ms, _)| at_ms).collect();
        let in_a_second = |start: usize| times[start..].partition_point(|at_ms| at_ms - times[start] < 1000);
        Self {
            endpoint,
            address,
            calls: times.len(),
            refused,
            first_ms: times.first().copied().unwrap_or_default(),
            last_ms: times.last().copied().unwrap_or_default(),
            most_in_a_second: (0..times.len()).map(in_a_second).max().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_of_an_address_is_found_wherever_it_starts() {
        let call = |at_ms, status| Counted {
            endpoint: "GET /api/v2/{serviceProvider}/profiles".to_owned(),
            address: "192.0.2.1".to_owned(),
            at_ms,
            status,
            is_throttled: true,
        };
        let rates =
            Rates::of([call(0, 200), call(700, 200), call(1000, 200), call(1699, 429), call(5000, 200)]);
        let [rate] = rates.addresses.as_slice() else { panic!("one address: {rates:?}") };
        assert_eq!((rate.calls, rate.refused, rate.most_in_a_second), (5, 1, 3));
        assert_eq!((rate.first_ms, rate.last_ms), (0, 5000));
        assert_eq!(rates.endpoints.len(), 1);
    }
}
