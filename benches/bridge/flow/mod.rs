//! The calls of version 1's device flow over version 2: responses from memory, compared with a bare server that sends the same
//! bytes, and decisions of the provider, compared with the same request to the mock provider.

pub mod bare;
mod scene;
mod workload;

use std::{sync::Arc, time::Duration};

use scene::Scene;
use workload::{Call, Requests};

use crate::{
    comparison::p50,
    provider::Provider,
    recorded::Answer,
    support::{
        Result, Setting, load, machine,
        measurement::{Measurement, MeasurementPlan, measure},
        process::{Face, Server},
        report::{Table, median, spread},
    },
};

/// The number of logged-in devices.
const DEVICES: usize = 1_000;

/// The number of devices for which upstream calls are counted.
const COUNTED: usize = 50;

/// The numbers of calls in flight.
const IN_FLIGHT: [usize; 2] = [1, 32];

/// Measures everything for this many rounds.
pub fn run(setting: &Setting, rounds: usize, seconds: u64) -> Result<()> {
    let (rounds, duration, devices) = if setting.quick {
        (1, Duration::from_millis(200), 2 * COUNTED)
    } else {
        (rounds, Duration::from_secs(seconds), DEVICES)
    };
    let folder = tempfile::tempdir()?;
    println!("{}", machine::describe(folder.path(), if setting.quick { 10 } else { 200 })?);
    println!(
        "{devices} logged-in devices; {rounds} rounds of {duration:?} each; medians, and the range of the rounds\n"
    );
    let provider = Provider::start(0)?;
    let scene = Scene::start(setting, folder.path(), &provider, devices)?;
    let run = Run { setting, rounds, duration, scene: &scene, provider: &provider };
    println!("{}", run.known_logins()?);
    println!("{}", run.decisions()?);
    Ok(())
}

/// The common parts of all measurements.
struct Run<'a> {
    setting: &'a Setting,
    rounds: usize,
    duration: Duration,
    scene: &'a Scene,
    provider: &'a Provider,
}

impl Run<'_> {
    fn plan(&self, in_flight: usize) -> MeasurementPlan {
        let threads = self.setting.client_threads;
        MeasurementPlan { in_flight, threads, warm_up: self.duration / 4, duration: self.duration }
    }

    /// `checkauthn` of logged-in devices, compared with the bare server.
    fn known_logins(&self) -> Result<String> {
        let workload = Arc::new(Requests::bridged(self.scene, Call::CheckLogin)?);
        let answer = load::once(self.scene.server.address, &*workload)?;
        let face = Face { name: "rest", environment: &[], configuration: None };
        let answer = serde_json::to_string(&Answer::of(&answer)?)?;
        let bare = Server::reference(&face, &["bare", &answer])?;
        let upstream_calls = count_upstream_calls(self.setting, Call::CheckLogin)?;
        let mut table = Table::new(&[
            "call",
            "in flight",
            "calls/s",
            "bare calls/s",
            "p50",
            "bare p50",
            "CPU s/1000",
            "× the bare server's CPU",
            "upstream calls",
        ]);
        for in_flight in IN_FLIGHT {
            let plan = self.plan(in_flight);
            let mut rows = Vec::new();
            for _ in 0..self.rounds {
                rows.push((measure(&self.scene.server, &workload, plan)?, measure(&bare, &workload, plan)?));
            }
            let of = |figure: &dyn Fn(&(Measurement, Measurement)) -> f64| {
                rows.iter().map(figure).collect::<Vec<_>>()
            };
            table.row(&[
                "checkauthn, cached".to_owned(),
                in_flight.to_string(),
                format!("{:.0}", median(of(&|(bridged, _)| bridged.throughput))),
                format!("{:.0}", median(of(&|(_, bare)| bare.throughput))),
                spread(of(&|(bridged, _)| bridged.p50), " ms"),
                spread(of(&|(_, bare)| bare.p50), " ms"),
                spread(of(&|(bridged, _)| bridged.server_cpu), ""),
                spread(of(&|(bridged, bare)| bridged.server_cpu / bare.server_cpu), ""),
                format!("{upstream_calls:.2}"),
            ]);
        }
        Ok(table.into_text())
    }

    /// Decisions on new resources, compared with the mock provider.
    fn decisions(&self) -> Result<String> {
        let direct = Arc::new(Requests::direct(self.provider, &self.scene.devices)?);
        let mut table = Table::new(&[
            "call",
            "in flight",
            "direct p50",
            "bridged p50",
            "added",
            "bridged/s",
            "CPU s/1000",
            "upstream calls",
        ]);
        for call in [Call::Authorize, Call::MediaToken] {
            let bridged = Arc::new(Requests::bridged(self.scene, call)?);
            let upstream_calls = count_upstream_calls(self.setting, call)?;
            for in_flight in IN_FLIGHT {
                let plan = self.plan(in_flight);
                let mut rows = Vec::new();
                for _ in 0..self.rounds {
                    let direct = p50(self.provider, &direct, plan)?;
                    rows.push((direct, measure(&self.scene.server, &bridged, plan)?));
                }
                let of =
                    |figure: &dyn Fn(&(f64, Measurement)) -> f64| rows.iter().map(figure).collect::<Vec<_>>();
                table.row(&[
                    format!("{call:?}"),
                    in_flight.to_string(),
                    spread(of(&|(direct, _)| *direct), " ms"),
                    spread(of(&|(_, bridged)| bridged.p50), " ms"),
                    spread(of(&|(direct, bridged)| bridged.p50 - direct), " ms"),
                    format!("{:.0}", median(of(&|(_, bridged)| bridged.throughput))),
                    spread(of(&|(_, bridged)| bridged.server_cpu), ""),
                    format!("{upstream_calls:.2}"),
                ]);
            }
        }
        Ok(table.into_text())
    }
}

/// The number of upstream calls per call, counted by a mock provider that records calls.
fn count_upstream_calls(setting: &Setting, call: Call) -> Result<f64> {
    let (provider, folder) = (Provider::start_counting()?, tempfile::tempdir()?);
    let scene = Scene::start(setting, folder.path(), &provider, COUNTED)?;
    let requests = Requests::bridged(&scene, call)?;
    let before = provider.call_count()?;
    scene.ask((0..COUNTED).map(|device| requests.of_device(device)))?;
    Ok((provider.call_count()? - before) as f64 / COUNTED as f64)
}
