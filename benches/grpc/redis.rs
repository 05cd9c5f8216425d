//! Codes over Redis: calls compared with the echo, the engine's memory per code, and the latency with which a watch at one
//! server is notified of a delete at another. All servers run on this machine.

use std::{fs, path::Path};

use test_engine::{Server as Engine, ServerOptions};

use crate::{
    CONNECTIONS, GRPC,
    support::{
        Result, Setting,
        comparison::{Case, Comparison, Variant},
        disk,
        measurement::{Measurement, MeasurementPlan},
        process::{Face, Server},
        report::{Table, Target, milliseconds},
        rounds::RoundsOptions,
    },
    throughput::{GrpcCall, Throughput},
    watches::{self, WatchesOptions},
};

/// Any key of 32 bytes serves for a benchmark.
const KEY_RING: &str = "benchmark:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// A server over its own engine.
struct OverRedis {
    calls: Throughput,
    engine: Engine,
    /// The engine's memory before codes are created, in bytes.
    empty: i64,
}

impl Comparison for OverRedis {
    type Call = GrpcCall;

    const REFERENCE: &'static str = "echo";

    const CASES: &'static [Case<GrpcCall>] =
        &[case(GrpcCall::Create, 0.4), case(GrpcCall::CreateRepeatable, 0.0), case(GrpcCall::Get, 0.0)];

    const VARIANTS: &'static [Variant<GrpcCall>] = &[Variant {
        call: GrpcCall::CreateRepeatable,
        of: GrpcCall::Create,
        throughput: Target::None,
        cpu: Target::None,
    }];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let engine = Engine::start(ServerOptions { append_only: true, ..ServerOptions::default() });
        let empty = used_memory(&engine)?;
        let passbridge = serve(setting, data, &engine)?;
        Ok(Self { calls: Throughput::of(passbridge, None)?, engine, empty })
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.calls.warm_up(plan)
    }

    fn passbridge(&self, call: GrpcCall, plan: MeasurementPlan) -> Result<Measurement> {
        self.calls.passbridge(call, plan)
    }

    fn reference(&self, call: GrpcCall, plan: MeasurementPlan) -> Result<Measurement> {
        self.calls.reference(call, plan)
    }

    fn describe(&self) -> String {
        let codes = self.calls.code_count();
        let memory =
            used_memory(&self.engine).map_or(0.0, |memory| (memory - self.empty) as f64 / codes as f64);
        format!(
            "One Redis with appendfsync everysec and no replica, on the same cores. {CONNECTIONS} connections. {codes} codes, of which \
             {} with a stored response; each takes {memory:.0} bytes of Redis's memory (target: ≤ 2000).\n",
            self.calls.repeatable_count()
        )
    }

    fn end(self) -> Result<()> {
        self.calls.end()
    }
}

const fn case(call: GrpcCall, throughput: f64) -> Case<GrpcCall> {
    let throughput = if throughput > 0.0 { Target::AtLeast(throughput) } else { Target::None };
    Case { call, in_flight: 64, throughput, p99: Target::None, cpu: Target::None }
}

/// Runs the benchmark and prints its tables.
pub fn run(setting: &Setting, options: &RoundsOptions) -> Result<()> {
    crate::comparison::run::<OverRedis>(setting, options)?;
    let engine = Engine::start(ServerOptions { append_only: true, ..ServerOptions::default() });
    let data = disk::data_folder()?;
    let (one, other) = (serve(setting, data.path(), &engine)?, serve(setting, data.path(), &engine)?);
    let extent = WatchesOptions::small(setting.quick);
    let [answered, notified] = watches::across(setting, &one, &other, &extent)?;
    let mut table = Table::new(&["a watch at one server, a delete at another", "p50", "p99", "target"]);
    for (figure, tally, most) in [
        ("from the delete to its response", answered, Target::None),
        ("from the delete to the watch's message", notified, Target::AtMost(100.0)),
    ] {
        let [p50, p99] = [0.5, 0.99].map(|quantile| tally.latency.value_at_quantile(quantile));
        table.row(&[figure, &milliseconds(p50), &milliseconds(p99), &most.judge(p99 as f64 / 1e3)]);
    }
    print!("\n{}", table.into_text());
    one.terminate()?;
    other.terminate()
}

fn serve(setting: &Setting, data: &Path, engine: &Engine) -> Result<Server> {
    let ring = data.join("key-ring");
    fs::write(&ring, KEY_RING)?;
    let (url, ring) = (engine.url(), ring.to_string_lossy().into_owned());
    let environment = [
        ("PASSBRIDGE_STORE__KIND", "redis"),
        ("PASSBRIDGE_STORE__URL", &*url),
        ("PASSBRIDGE_STORE__KEY_RING", &*ring),
    ];
    let server = Server::passbridge(&setting.server, data, &Face { environment: &environment, ..GRPC })?;
    server.wait_until_ready()?;
    Ok(server)
}

/// The engine's memory for its data, in bytes.
fn used_memory(engine: &Engine) -> Result<i64> {
    let info = engine.command(&["INFO", "memory"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("the engine does not report its memory")?.trim().parse()?)
}
