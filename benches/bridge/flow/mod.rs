//! The calls of version 1's device flow over version 2: what is answered from memory, beside a bare server that answers the same
//! bytes; and what the provider decides, beside the same question put to its stand-in directly.

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

/// How many devices are logged in.
const DEVICES: usize = 1_000;

/// For how many of them the calls to the provider are counted.
const COUNTED: usize = 50;

/// How many calls are in flight.
const IN_FLIGHT: [usize; 2] = [1, 32];

/// Measures everything, so many times.
pub fn run(setting: &Setting, rounds: usize, seconds: u64) -> Result<()> {
    let (rounds, duration, devices) = if setting.quick {
        (1, Duration::from_millis(200), 2 * COUNTED)
    } else {
        (rounds, Duration::from_secs(seconds), DEVICES)
    };
    let folder = tempfile::tempdir()?;
    println!("{}", machine::describe(folder.path(), if setting.quick { 10 } else { 200 })?);
    println!(
        "{devices} devices that are logged in; {rounds} rounds of {duration:?} each; the medians, and between what the rounds lie\n"
    );
    let provider = Provider::start(0)?;
    let scene = Scene::start(setting, folder.path(), &provider, devices)?;
    let run = Run { setting, rounds, duration, scene: &scene, provider: &provider };
    println!("{}", run.known_logins()?);
    println!("{}", run.decisions()?);
    Ok(())
}

/// What all measurements have in common.
struct Run<'a> {
    setting: &'a Setting,
    rounds: usize,
    duration: Duration,
    scene: &'a Scene,
    provider: &'a Provider,
}

impl Run<'_> {
    fn course(&self, in_flight: usize) -> MeasurementPlan {
        let threads = self.setting.client_threads;
        MeasurementPlan { in_flight, threads, warm_up: self.duration / 4, duration: self.duration }
    }

    /// `checkauthn` of devices that are logged in, beside the bare server.
    fn known_logins(&self) -> Result<String> {
        let workload = Arc::new(Requests::bridged(self.scene, Call::CheckLogin)?);
        let answer = load::once(self.scene.server.address, &*workload)?;
        let face = Face { name: "rest", environment: &[], configuration: None };
        let answer = serde_json::to_string(&Answer::of(&answer)?)?;
        let bare = Server::yardstick(&face, &["bare", &answer])?;
        let asked = calls_to_provider(self.setting, Call::CheckLogin)?;
        let mut table = Table::new(&[
            "call",
            "in flight",
            "calls/s",
            "bare calls/s",
            "p50",
            "bare p50",
            "CPU s/1000",
            "× the bare server's CPU",
            "calls to the provider",
        ]);
        for in_flight in IN_FLIGHT {
            let course = self.course(in_flight);
            let mut rows = Vec::new();
            for _ in 0..self.rounds {
                rows.push((
                    measure(&self.scene.server, &workload, course)?,
                    measure(&bare, &workload, course)?,
                ));
            }
            let of = |figure: &dyn Fn(&(Measurement, Measurement)) -> f64| {
                rows.iter().map(figure).collect::<Vec<_>>()
            };
            table.row(&[
                "checkauthn, known".to_owned(),
                in_flight.to_string(),
                format!("{:.0}", median(of(&|(bridged, _)| bridged.throughput))),
                format!("{:.0}", median(of(&|(_, bare)| bare.throughput))),
                spread(of(&|(bridged, _)| bridged.p50), " ms"),
                spread(of(&|(_, bare)| bare.p50), " ms"),
                spread(of(&|(bridged, _)| bridged.server_cpu), ""),
                spread(of(&|(bridged, bare)| bridged.server_cpu / bare.server_cpu), ""),
                format!("{asked:.2}"),
            ]);
        }
        Ok(table.into_text())
    }

    /// Decisions about resources that nobody has asked for, beside the stand-in itself.
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
            "calls to the provider",
        ]);
        for call in [Call::Authorize, Call::MediaToken] {
            let bridged = Arc::new(Requests::bridged(self.scene, call)?);
            let asked = calls_to_provider(self.setting, call)?;
            for in_flight in IN_FLIGHT {
                let course = self.course(in_flight);
                let mut rows = Vec::new();
                for _ in 0..self.rounds {
                    let direct = p50(self.provider, &direct, course)?;
                    rows.push((direct, measure(&self.scene.server, &bridged, course)?));
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
                    format!("{asked:.2}"),
                ]);
            }
        }
        Ok(table.into_text())
    }
}

/// How many calls to the provider one call makes, counted by a stand-in that keeps them.
fn calls_to_provider(setting: &Setting, call: Call) -> Result<f64> {
    let (provider, folder) = (Provider::start_counting()?, tempfile::tempdir()?);
    let scene = Scene::start(setting, folder.path(), &provider, COUNTED)?;
    let requests = Requests::bridged(&scene, call)?;
    let before = provider.call_count()?;
    scene.ask((0..COUNTED).map(|device| requests.of_device(device)))?;
    Ok((provider.call_count()? - before) as f64 / COUNTED as f64)
}
