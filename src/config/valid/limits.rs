//! The ranges of numbers and durations.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    config::{Config, EnvironmentConfig, HumanDuration},
    domain::error::Violation,
};

/// Above the capacity of any machine, and small enough to calculate with.
const COUNT_MAX: u64 = 100_000_000;
const MESSAGE_SIZE_MAX: u64 = 1 << 30;
/// The rate limiter counts in microseconds.
const CALLS_MAX: u64 = 1_000_000;
const THREADS_MAX: u64 = 1024;

/// In MiB: one pebibyte, more than any file system can reserve.
const FREE_SPACE_MAX: u64 = 1 << 30;
/// Concurrent calls to Redis.
const STORE_CALLS_MAX: u64 = 100_000;
/// More replicas are not worth waiting for.
const WAIT_REPLICAS_MAX: u64 = 5;
const STORE_TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);

/// Concurrent calls to one upstream.
const UPSTREAM_CONNECTIONS_MAX: u64 = 10_000;

/// A call to an upstream that takes longer is considered lost.
const UPSTREAM_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// A viewer waits in front of the device while a negative answer is cached.
const NEGATIVE_ANSWERS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30);
/// A logout at the upstream stays unnoticed while a positive answer is cached.
const POSITIVE_ANSWERS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);

/// One year. Longer waits amount to none.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// All limits that are out of range, except those that are checked with the section that they belong to.
pub(super) fn out_of_range(config: &Config) -> Vec<Violation> {
    let (grpc, rest, runtime) = (&config.grpc, &config.rest, &config.runtime);
    let counts = [
        count("grpc.max_message_size", grpc.max_message_size as u64, 1, MESSAGE_SIZE_MAX),
        count("grpc.max_connections", grpc.max_connections as u64, 1, COUNT_MAX),
        count("grpc.max_streams_per_connection", grpc.max_streams_per_connection.into(), 1, COUNT_MAX),
        count("grpc.max_watches", grpc.max_watches as u64, 0, COUNT_MAX),
        count("grpc.max_batches", grpc.max_batches as u64, 0, COUNT_MAX),
        count("grpc.caller_share", grpc.caller_share as u64, 1, 100),
        count("rest.max_body_size", rest.max_body_size as u64, 1, MESSAGE_SIZE_MAX),
        count("rest.max_connections", rest.max_connections as u64, 1, COUNT_MAX),
        count("rest.address_limit.per_second", rest.address_limit.per_second.into(), 1, CALLS_MAX),
        count("rest.address_limit.burst", rest.address_limit.burst.into(), 1, CALLS_MAX),
        count("audit.max_size", config.audit.max_size, 1, 1 << 20),
        count("audit.kept", config.audit.kept.into(), 0, 10_000),
        count("audit.stream_length", config.audit.stream_length, 1_000, COUNT_MAX),
        count("store.max_in_flight", config.store.max_in_flight.into(), 1, STORE_CALLS_MAX),
        config
            .store
            .wait_replicas
            .and_then(|replicas| count("store.wait_replicas", replicas.into(), 0, WAIT_REPLICAS_MAX)),
        count("store.free_space_reserve", config.store.free_space_reserve, 0, FREE_SPACE_MAX),
        count("runtime.threads", runtime.threads as u64, 0, THREADS_MAX),
    ];
    let grpc_address = grpc.address_limit.into_iter().flat_map(|limit| {
        [
            count("grpc.address_limit.per_second", limit.per_second.into(), 1, CALLS_MAX),
            count("grpc.address_limit.burst", limit.burst.into(), 1, CALLS_MAX),
        ]
    });
    let second = Duration::from_secs(1);
    let waits = [
        wait("grpc.answer_timeout", grpc.answer_timeout, Duration::from_millis(1)),
        wait("grpc.keepalive_interval", grpc.keepalive_interval, second),
        wait("grpc.keepalive_timeout", grpc.keepalive_timeout, Duration::from_millis(1)),
        wait("grpc.idle_timeout", grpc.idle_timeout, second),
        wait("grpc.write_timeout", grpc.write_timeout, Duration::from_millis(1)),
        wait("rest.answer_timeout", rest.answer_timeout, Duration::from_millis(1)),
        wait("rest.idle_timeout", rest.idle_timeout, Duration::from_millis(1)),
        wait("rest.write_timeout", rest.write_timeout, Duration::from_millis(1)),
        wait_in("store.wait_timeout", config.store.wait_timeout, STORE_TIMEOUTS),
        wait_in("store.connect_timeout", config.store.connect_timeout, STORE_TIMEOUTS),
        wait_in("store.response_timeout", config.store.response_timeout, STORE_TIMEOUTS),
        wait("runtime.drain_delay", runtime.drain_delay, Duration::ZERO),
        wait("runtime.drain_timeout", runtime.drain_timeout, Duration::ZERO),
    ];
    let environments =
        config.environments.iter().flat_map(|(name, environment)| of_upstream(name, environment));
    let schedules = config.temp_pass_schedules.iter().enumerate().map(|(index, schedule)| {
        wait(&format!("temp_pass_schedules[{index}].make_up"), schedule.make_up, Duration::ZERO)
    });
    counts
        .into_iter()
        .chain(grpc_address)
        .chain(waits)
        .chain(environments)
        .chain(schedules)
        .flatten()
        .collect()
}

fn of_upstream(name: &str, environment: &EnvironmentConfig) -> [Option<Violation>; 4] {
    let key = |key| format!("environments.{name}.{key}");
    let EnvironmentConfig { upstream_timeout, upstream_connections, profile_cache, .. } = environment;
    let timeouts = Duration::from_millis(1)..=UPSTREAM_TIMEOUT_MAX;
    [
        count(&key("upstream_connections"), *upstream_connections as u64, 1, UPSTREAM_CONNECTIONS_MAX),
        wait_in(&key("upstream_timeout"), *upstream_timeout, timeouts),
        wait_in(&key("profile_cache.negative"), profile_cache.negative, NEGATIVE_ANSWERS),
        wait_in(&key("profile_cache.positive"), profile_cache.positive, POSITIVE_ANSWERS),
    ]
}

fn count(key: &str, value: u64, least: u64, most: u64) -> Option<Violation> {
    let in_range = (least..=most).contains(&value);
    (!in_range).then(|| Violation::new(key, format!("must be {least} to {most}, but is {value}")))
}

fn wait(key: &str, value: HumanDuration, least: Duration) -> Option<Violation> {
    wait_in(key, value, least..=WAIT_MAX)
}

fn wait_in(key: &str, value: HumanDuration, range: RangeInclusive<Duration>) -> Option<Violation> {
    let (least, most) = (HumanDuration(*range.start()), HumanDuration(*range.end()));
    let in_range = range.contains(&value.0);
    (!in_range).then(|| Violation::new(key, format!("must be {least} to {most}, but is {value}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::config::ValidConfig;

    /// All keys of the configuration that are a duration or a number, as pointers in which `x` is any name
    /// and `0` an element of a list.
    fn limits(schema: &Value, root: &Value, pointer: &str, found: &mut Vec<(String, bool)>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let named = root.pointer(reference.trim_start_matches('#')).expect("is defined");
            return limits(named, root, pointer, found);
        }
        for choice in schema["anyOf"].as_array().into_iter().flatten() {
            limits(choice, root, pointer, found);
        }
        let is = |name: &str| schema["type"] == name || schema["type"][0] == name;
        if schema["format"] == "duration" || is("integer") {
            found.push((pointer.to_owned(), schema["format"] == "duration"));
        }
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            limits(inner, root, &format!("{pointer}/{key}"), found);
        }
        if schema["additionalProperties"].is_object() {
            limits(&schema["additionalProperties"], root, &format!("{pointer}/x"), found);
        }
        if schema["items"].is_object() {
            limits(&schema["items"], root, &format!("{pointer}/0"), found);
        }
    }

    /// A configuration with a value for only this key.
    fn nested(pointer: &str, value: Value) -> Value {
        pointer.rsplit('/').filter(|key| !key.is_empty()).fold(value, |inner, key| match key {
            "0" => json!([inner]),
            key => Value::Object(Map::from_iter([(key.to_owned(), inner)])),
        })
    }

    #[test]
    fn every_duration_and_number_has_a_range() {
        let schema = schemars::schema_for!(Config).to_value();
        let mut found = Vec::new();
        limits(&schema, &schema, "", &mut found);
        assert!(found.len() > 25, "{found:?}");
        for (pointer, is_duration) in found {
            let field = pointer[1..].replace("/0", "[0]").replace('/', ".");
            let absurd = if is_duration { json!("500000000y") } else { json!(i64::MAX) };
            // A narrower type rejects the value when it is deserialized.
            let config = serde_json::from_value(nested(&pointer, absurd))
                .or_else(|_| serde_json::from_value::<Config>(nested(&pointer, json!(u32::MAX))))
                .expect("deserializes");
            let error = ValidConfig::read(config).expect_err(&field);
            // A violation that depends on two keys is reported for one of them, and names the other.
            let names =
                |violation: &Violation| violation.field == field || violation.to_string().contains(&field);
            assert!(error.violations.iter().any(names), "{field}: {error}");
        }
    }

    #[test]
    fn defaults_are_in_range_and_all_absurd_numbers_are_reported() {
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
