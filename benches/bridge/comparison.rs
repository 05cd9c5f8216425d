//! The same call directly to the provider and through passbridge, in alternation.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    provider::Provider,
    support::{
        Result, Setting, clock,
        load::{self, Plan, Workload},
        machine,
        measurement::{MeasurementPlan, measure},
        process::{Face, Server},
        report::{Table, Target, median, spread},
    },
    workload::{Api, Bridged, Direct},
};

/// A row of the result.
struct Case {
    name: &'static str,
    api: Api,
    /// The delay of the provider's responses, in milliseconds.
    delay_ms: u64,
    in_flight: usize,
    /// The median latency relative to the direct one.
    ratio: Target,
    /// CPU seconds of passbridge for 1000 calls.
    cpu: Target,
}

const CASES: [Case; 5] = [
    Case {
        name: "v1, at once",
        api: Api::V1,
        delay_ms: 0,
        in_flight: 1,
        ratio: Target::None,
        cpu: Target::None,
    },
    Case {
        name: "v2, at once",
        api: Api::V2,
        delay_ms: 0,
        in_flight: 1,
        ratio: Target::None,
        cpu: Target::None,
    },
    Case {
        name: "v2, in 10 ms",
        api: Api::V2,
        delay_ms: 10,
        in_flight: 1,
        ratio: Target::AtMost(1.15),
        cpu: Target::None,
    },
    Case {
        name: "v1, at once",
        api: Api::V1,
        delay_ms: 0,
        in_flight: 32,
        ratio: Target::None,
        cpu: Target::AtMost(0.10),
    },
    Case {
        name: "v2, at once",
        api: Api::V2,
        delay_ms: 0,
        in_flight: 32,
        ratio: Target::None,
        cpu: Target::AtMost(0.10),
    },
];

/// Measures every case for this many rounds.
pub fn run(setting: &Setting, rounds: usize, seconds: u64) -> Result<()> {
    let (rounds, duration) =
        if setting.quick { (1, Duration::from_millis(200)) } else { (rounds, Duration::from_secs(seconds)) };
    let folder = tempfile::tempdir()?;
    println!("{}", machine::describe(folder.path(), if setting.quick { 10 } else { 200 })?);
    println!("{rounds} rounds of {duration:?} each; medians, and the range of the rounds\n");
    let mut table = Table::new(&[
        "provider answers",
        "in flight",
        "direct p50",
        "bridged p50",
        "added",
        "ratio",
        "bridged/s",
        "CPU s/1000",
        "targets",
    ]);
    for case in &CASES {
        table.row(&case.measure(setting, rounds, duration)?);
    }
    println!("{}", table.into_text());
    Ok(())
}

impl Case {
    fn measure(&self, setting: &Setting, rounds: usize, duration: Duration) -> Result<Vec<String>> {
        let provider = Provider::start(self.delay_ms)?;
        let folder = tempfile::tempdir()?;
        let server = passbridge(setting, folder.path(), &provider, self.api)?;
        let direct = Arc::new(Direct::new(self.api, &provider)?);
        let bridged = Arc::new(Bridged::new()?);
        let warm_up = duration / 4;
        let plan =
            MeasurementPlan { in_flight: self.in_flight, threads: setting.client_threads, warm_up, duration };
        let mut rows = Vec::new();
        for _ in 0..rounds {
            let direct = p50(&provider, &direct, plan)?;
            let bridged = measure(&server, &bridged, plan)?;
            rows.push((direct, bridged));
        }
        let figures = |figure: &dyn Fn(&(f64, _)) -> f64| rows.iter().map(figure).collect::<Vec<_>>();
        let added = figures(&|(direct, bridged)| bridged.p50 - direct);
        let ratio = figures(&|(direct, bridged)| bridged.p50 / direct);
        let cpu = figures(&|(_, bridged)| bridged.server_cpu);
        let targets = [(self.ratio, &ratio), (self.cpu, &cpu)];
        let targets =
            targets.into_iter().map(|(target, values)| target.judge(median(values.iter().copied())));
        let targets: Vec<_> = targets.filter(|text| !text.is_empty()).collect();
        Ok(vec![
            self.name.to_owned(),
            self.in_flight.to_string(),
            spread(figures(&|(direct, _)| *direct), " ms"),
            spread(figures(&|(_, bridged)| bridged.p50), " ms"),
            spread(added.iter().copied(), " ms"),
            spread(ratio.iter().copied(), ""),
            format!("{:.0}", median(figures(&|(_, bridged)| bridged.throughput))),
            spread(cpu.iter().copied(), ""),
            targets.join(", "),
        ])
    }
}

/// The median latency of direct calls, in milliseconds.
pub fn p50<W: Workload>(provider: &Provider, workload: &Arc<W>, plan: MeasurementPlan) -> Result<f64> {
    let from = clock::now() + plan.warm_up;
    let plan = Plan { in_flight: plan.in_flight, threads: plan.threads, from, until: from + plan.duration };
    let tally = load::run(provider.address, workload, plan)?.complete()?;
    Ok(tally.latency.value_at_quantile(0.5) as f64 / 1e3)
}

fn passbridge(setting: &Setting, data: &Path, provider: &Provider, api: Api) -> Result<Server> {
    let statement = data.join("statement");
    std::fs::write(&statement, "passbridge's own")?;
    let backend = match api {
        Api::V1 => "v1",
        Api::V2 => "v2",
    };
    let url = format!("http://{}", provider.address);
    let environment = [
        ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__BACKEND", backend),
        ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__URL", &url),
        ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__SOFTWARE_STATEMENT_FILE", statement.to_str().ok_or("not UTF-8")?),
    ];
    let face = Face { name: "grpc", environment: &environment, configuration: None };
    let server = Server::passbridge(&setting.server, &data.join("data"), &face)?;
    server.wait_until_ready()?;
    Ok(server)
}
