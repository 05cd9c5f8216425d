//! A load and its cost at the server.

use std::{sync::Arc, time::Duration};

use super::{
    Result, clock,
    cpu::Spent,
    load::{self, Plan, Workload},
    process::Server,
};

#[derive(Debug, Clone, Copy)]
pub struct MeasurementPlan {
    /// The number of calls in flight.
    pub in_flight: usize,
    /// The number of client threads.
    pub threads: usize,
    /// The duration of the warm-up.
    pub warm_up: Duration,
    /// The duration of the measurement.
    pub duration: Duration,
}

/// One server under one load.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Calls per second.
    pub throughput: f64,
    /// The median latency, in milliseconds.
    pub p50: f64,
    /// The p99 latency, in milliseconds.
    pub p99: f64,
    /// The maximum latency, in milliseconds.
    pub max: f64,
    /// CPU seconds of the server per 1000 calls, including work after the last call.
    pub server_cpu: f64,
    /// CPU seconds of the load generator per 1000 calls.
    pub client_cpu: f64,
    /// The number of cores that were busy with other work, including kernel threads.
    pub other_cores: f64,
}

/// Puts a load on a server.
pub fn measure<W: Workload>(
    server: &Server,
    workload: &Arc<W>,
    plan: MeasurementPlan,
) -> Result<Measurement> {
    let start = clock::now();
    let before = Spent::until_now(server)?;
    let from = clock::now() + plan.warm_up;
    let run = Plan { in_flight: plan.in_flight, threads: plan.threads, from, until: from + plan.duration };
    let tally = load::run(server.address, workload, run)?.complete()?;
    server.settle()?;
    let after = Spent::until_now(server)?;
    // Both include the warm-up, so that deferred work of the server is counted.
    let [server_cpu, client_cpu, machine_cpu] = after.since(before);
    let per_thousand = |seconds: f64| seconds * 1e3 / tally.answered as f64;
    let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
    Ok(Measurement {
        throughput: tally.latency.len() as f64 / plan.duration.as_secs_f64(),
        p50: milliseconds(tally.latency.value_at_quantile(0.5)),
        p99: milliseconds(tally.latency.value_at_quantile(0.99)),
        max: milliseconds(tally.latency.max()),
        server_cpu: per_thousand(server_cpu),
        client_cpu: per_thousand(client_cpu),
        other_cores: (machine_cpu - server_cpu - client_cpu).max(0.0) / clock::since(start).as_secs_f64(),
    })
}
