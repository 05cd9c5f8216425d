//! A load, and what the server spent on it.

use std::{sync::Arc, time::Duration};

use super::{
    Result, clock,
    cpu::Spent,
    load::{self, Plan, Workload},
    process::Server,
};

/// How a measurement goes.
#[derive(Debug, Clone, Copy)]
pub struct MeasurementPlan {
    /// How many calls are in flight.
    pub in_flight: usize,
    /// On how many threads they are made.
    pub threads: usize,
    /// How long calls are made before they count.
    pub warm_up: Duration,
    /// How long they count.
    pub duration: Duration,
}

/// One server under one load.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Calls a second.
    pub throughput: f64,
    /// The median, in milliseconds.
    pub p50: f64,
    /// What one call in a hundred takes longer than, in milliseconds.
    pub p99: f64,
    /// The longest, in milliseconds.
    pub max: f64,
    /// Processor seconds of the server for 1000 calls, with what it does after the last one.
    pub server_cpu: f64,
    /// The same of the load generator.
    pub client_cpu: f64,
    /// How many cores were busy with something else meanwhile, the kernel's own threads included.
    pub other_cores: f64,
}

/// Puts a load on a server.
pub fn measure<W: Workload>(
    server: &Server,
    workload: &Arc<W>,
    course: MeasurementPlan,
) -> Result<Measurement> {
    let start = clock::now();
    let before = Spent::until_now(server)?;
    let from = clock::now() + course.warm_up;
    let plan =
        Plan { in_flight: course.in_flight, threads: course.threads, from, until: from + course.duration };
    let tally = load::run(server.address, workload, plan)?.complete()?;
    server.settle()?;
    let after = Spent::until_now(server)?;
    // The warm-up is in both, so that work which the server puts off is nobody else's.
    let [server_cpu, client_cpu, machine_cpu] = after.since(before);
    let per_thousand = |seconds: f64| seconds * 1e3 / tally.answered as f64;
    let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
    Ok(Measurement {
        throughput: tally.latency.len() as f64 / course.duration.as_secs_f64(),
        p50: milliseconds(tally.latency.value_at_quantile(0.5)),
        p99: milliseconds(tally.latency.value_at_quantile(0.99)),
        max: milliseconds(tally.latency.max()),
        server_cpu: per_thousand(server_cpu),
        client_cpu: per_thousand(client_cpu),
        other_cores: (machine_cpu - server_cpu - client_cpu).max(0.0) / clock::since(start).as_secs_f64(),
    })
}
