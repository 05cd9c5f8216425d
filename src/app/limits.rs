//! Numbers that no server could work with, told before it starts.

use std::time::Duration;

use crate::{
    config::{Config, HumanDuration},
    domain::error::Violation,
};

/// More than any machine has to give, and small enough to reckon with.
const COUNT_MAX: u64 = 100_000_000;
const MESSAGE_SIZE_MAX: u64 = 1 << 30;
/// The throttle counts microseconds.
const CALLS_MAX: u64 = 1_000_000;
const THREADS_MAX: u64 = 1024;

/// A year: longer waits are meant to be none.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Every limit of the configuration that is out of its range.
pub(super) fn out_of_range(config: &Config) -> Vec<Violation> {
    let (grpc, rest, runtime) = (&config.grpc, &config.rest, &config.runtime);
    let counts = [
        count("grpc.max_message_size", grpc.max_message_size as u64, 1, MESSAGE_SIZE_MAX),
        count("grpc.max_connections", grpc.max_connections as u64, 1, COUNT_MAX),
        count("grpc.max_streams_per_connection", grpc.max_streams_per_connection.into(), 1, COUNT_MAX),
        count("grpc.max_watches", grpc.max_watches as u64, 0, COUNT_MAX),
        count("rest.max_body_size", rest.max_body_size as u64, 1, MESSAGE_SIZE_MAX),
        count("rest.max_connections", rest.max_connections as u64, 1, COUNT_MAX),
        count("rest.address_limit.per_second", rest.address_limit.per_second.into(), 1, CALLS_MAX),
        count("rest.address_limit.burst", rest.address_limit.burst.into(), 1, CALLS_MAX),
        count("audit.max_size", config.audit.max_size, 1, 1 << 20),
        count("audit.kept", config.audit.kept.into(), 0, 10_000),
        count("runtime.threads", runtime.threads as u64, 0, THREADS_MAX),
    ];
    let second = Duration::from_secs(1);
    let waits = [
        wait("grpc.answer_timeout", grpc.answer_timeout, Duration::from_millis(1)),
        wait("grpc.keepalive_interval", grpc.keepalive_interval, second),
        wait("grpc.keepalive_timeout", grpc.keepalive_timeout, Duration::from_millis(1)),
        wait("rest.answer_timeout", rest.answer_timeout, Duration::from_millis(1)),
        wait("rest.idle_timeout", rest.idle_timeout, Duration::from_millis(1)),
        wait("runtime.drain_delay", runtime.drain_delay, Duration::ZERO),
        wait("runtime.drain_timeout", runtime.drain_timeout, Duration::ZERO),
    ];
    counts.into_iter().chain(waits).flatten().collect()
}

fn count(key: &str, value: u64, least: u64, most: u64) -> Option<Violation> {
    let in_range = (least..=most).contains(&value);
    (!in_range).then(|| Violation::new(key, format!("is {value}; {least} to {most} is possible")))
}

fn wait(key: &str, value: HumanDuration, least: Duration) -> Option<Violation> {
    let in_range = (least..=WAIT_MAX).contains(&value.0);
    let (least, most) = (HumanDuration(least), HumanDuration(WAIT_MAX));
    (!in_range).then(|| Violation::new(key, format!("is {value}; {least} to {most} is possible")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range_and_absurd_numbers_are_all_told() {
        assert_eq!(out_of_range(&Config::default()), []);
        let absurd = "[grpc]\nmax_watches = 9223372036854775807\nmax_connections = 0\nanswer_timeout = \"5000000y\"\n\
                      keepalive_interval = \"0s\"\n[runtime]\nthreads = 100000";
        let config = toml::from_str::<Config>(absurd).expect("deserializes");
        let keys: Vec<String> = out_of_range(&config).into_iter().map(|violation| violation.field).collect();
        assert_eq!(
            keys,
            [
                "grpc.max_connections",
                "grpc.max_watches",
                "runtime.threads",
                "grpc.answer_timeout",
                "grpc.keepalive_interval"
            ]
        );
    }
}
