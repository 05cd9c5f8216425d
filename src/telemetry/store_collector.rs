//! The metrics of the store, read at each scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// The readings of the store.
#[derive(Debug, Clone, Default)]
pub struct StoreReadings {
    /// Commands made durable.
    pub commands: u64,
    /// The total time to write and sync batches, in seconds.
    pub commit_seconds_sum: f64,
    /// For each bucket, its upper bound in seconds and the number of batches in it; the last bucket has no
    /// bound.
    pub commit_seconds: Vec<(f64, u64)>,
    /// Commands that wait for a batch.
    pub queued: u64,
    /// Live codes, by environment.
    pub live_codes: Vec<(String, u64)>,
}

/// Encodes readings that were taken before, because a collector cannot wait for the store.
#[derive(Debug)]
pub(super) struct StoreCollector(pub(super) StoreReadings);

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let StoreReadings { commands, commit_seconds_sum, commit_seconds, queued, live_codes } = &self.0;
        let counter = ConstCounter::new(*commands);
        counter.encode(encoder.encode_descriptor(
            "passbridge_store_commands",
            "Commands made durable",
            None,
            MetricType::Counter,
        )?)?;
        let gauge = ConstGauge::new(i64::try_from(*queued).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(
            "passbridge_store_queued",
            "Commands that wait for a batch",
            None,
            MetricType::Gauge,
        )?)?;
        let count = commit_seconds.iter().map(|(_, count)| count).sum();
        encoder
            .encode_descriptor(
                "passbridge_store_commit_duration",
                "Time to write and sync a batch",
                Some(&Unit::Seconds),
                MetricType::Histogram,
            )?
            .encode_histogram::<NoLabelSet>(*commit_seconds_sum, count, commit_seconds, None)?;
        let mut family = encoder.encode_descriptor(
            "passbridge_live_codes",
            "Live registration codes",
            None,
            MetricType::Gauge,
        )?;
        for (environment, count) in live_codes {
            let gauge = ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("environment", environment.as_str())])?)?;
        }
        Ok(())
    }
}
