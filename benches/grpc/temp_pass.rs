//! TempPasses: authorizations compared with the echo, resets in one stream, and a reset of all.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use passbridge::proto::v1::{
    AuthorizeTempPassRequest, BatchResetTempPassRequest, ResetTempPassRequest,
    batch_reset_temp_pass_request::Item, reset_temp_pass_request::Target as ResetTarget,
    temp_pass_service_client::TempPassServiceClient,
};
use tokio::runtime::Builder;
use tonic::transport::{Channel, Endpoint};

use crate::{
    CONNECTIONS, GRPC,
    client::{Client, PREFIX},
    footprint::{mebibytes, resident_memory},
    support::{
        Result, Setting, clock,
        comparison::{self, Case, Comparison},
        device::{DEVICE_ID, device_id},
        disk,
        load::{self, Plan, Workload},
        measurement::{Measurement, MeasurementPlan, measure},
        process::Server,
        report::{Table, Target},
        rounds::RoundsOptions,
        template::Template,
    },
    workload::{EchoWorkload, framed},
};

const REQUESTOR: &str = "REF";
const MVPD: &str = "TempPass";

/// Runs both parts and prints their tables.
pub fn run(setting: &Setting, options: &RoundsOptions) -> Result<()> {
    comparison::run::<Authorizations>(setting, options)?;
    resets(setting)
}

/// The measured call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TempPassCall {
    /// The first authorization of a device, which durably starts a trial.
    AuthorizeNew,
    /// An authorization of a running trial.
    AuthorizeRunning,
}

/// The servers and the workloads.
struct Authorizations {
    passbridge: Server,
    echo: Server,
    new: Arc<Authorize>,
    in_echo: Arc<EchoWorkload>,
    sizes: [usize; 2],
}

impl Comparison for Authorizations {
    type Call = TempPassCall;

    const REFERENCE: &'static str = "echo";

    const CASES: &'static [Case<TempPassCall>] = &[
        case(TempPassCall::AuthorizeNew, Target::AtLeast(0.45)),
        case(TempPassCall::AuthorizeRunning, Target::AtLeast(0.75)),
    ];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let passbridge = Server::passbridge(&setting.server, data, &GRPC)?;
        passbridge.wait_until_ready()?;
        let echo = Server::reference(&GRPC, &["echo"])?;
        let new = Authorize::new();
        let answer = load::once(passbridge.address, &new)?;
        let sizes = [new.request_size(), answer.len()];
        let in_echo = EchoWorkload::of_size(sizes[0], sizes[1]);
        Ok(Self { passbridge, echo, new: Arc::new(new), in_echo: Arc::new(in_echo), sizes })
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.passbridge(TempPassCall::AuthorizeNew, plan).map(drop)
    }

    fn passbridge(&self, call: TempPassCall, plan: MeasurementPlan) -> Result<Measurement> {
        match call {
            TempPassCall::AuthorizeNew => measure(&self.passbridge, &self.new, plan),
            TempPassCall::AuthorizeRunning => {
                measure(&self.passbridge, &Arc::new(self.new.with_trial()), plan)
            }
        }
    }

    fn reference(&self, _: TempPassCall, plan: MeasurementPlan) -> Result<Measurement> {
        measure(&self.echo, &self.in_echo, plan)
    }

    fn describe(&self) -> String {
        let [request, answer] = self.sizes;
        format!(
            "Messages in bytes, the echo's too: {request} → {answer}. {CONNECTIONS} connections. Trials at the end: {}.\n",
            self.new.next.load(Ordering::Relaxed)
        )
    }

    fn end(self) -> Result<()> {
        self.passbridge.terminate()
    }
}

const fn case(call: TempPassCall, throughput: Target) -> Case<TempPassCall> {
    Case { call, in_flight: 64, throughput, p99: Target::None, cpu: Target::None }
}

/// Authorizes a new device each time, or random devices with a trial.
struct Authorize {
    template: Template,
    next: AtomicU64,
    last: u64,
    /// The number of devices with a trial; `None` if each call is for a new device.
    existing: Option<u64>,
}

impl Authorize {
    fn new() -> Self {
        let request = AuthorizeTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: MVPD.to_owned(),
            device_id: DEVICE_ID.to_owned(),
            resource_id: "sampleResource".to_owned(),
            ..AuthorizeTempPassRequest::default()
        };
        let template = Template::new(framed(&request), DEVICE_ID);
        Self { template, next: AtomicU64::new(0), last: u64::MAX, existing: None }
    }

    /// Limits the number of requests.
    fn limited(self, count: u64) -> Self {
        Self { last: count, ..self }
    }

    /// Authorizes the devices that already have a trial.
    fn with_trial(&self) -> Self {
        let existing = self.next.load(Ordering::Relaxed).saturating_sub(1_000).max(1);
        Self { existing: Some(existing), ..Self::new() }
    }
}

impl Workload for Authorize {
    type Client = Client;

    fn method(&self) -> &str {
        "/passbridge.v1.TempPassService/AuthorizeTempPass"
    }

    fn request(&self) -> Option<Bytes> {
        let device = match self.existing {
            Some(existing) => fastrand::u64(..existing),
            None => Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|device| *device < self.last)?,
        };
        Some(self.template.with(device_id(device).as_bytes()))
    }

    fn request_size(&self) -> usize {
        self.template.len() - PREFIX
    }
}

/// Resets trials in one stream, then all remaining ones.
fn resets(setting: &Setting) -> Result<()> {
    let (trials, items) = if setting.quick { (2_000, 1_000) } else { (1_000_000, 200_000) };
    let data = disk::data_folder()?;
    let server = Server::passbridge(&setting.server, data.path(), &GRPC)?;
    server.wait_until_ready()?;
    let authorize = Arc::new(Authorize::new().limited(trials));
    let now = clock::now();
    let plan = Plan { in_flight: 256, threads: 1, from: now, until: now + Duration::from_secs(600) };
    load::run(server.address, &authorize, plan)?.complete()?;

    let mut table = Table::new(&["trials", "figure", "", "target"]);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let channel = {
        let _entered = runtime.enter();
        Endpoint::from_shared(format!("http://{}", server.address))?.connect_lazy()
    };
    for items in [items / 4, items] {
        let before = resident_memory(&server)?;
        let start = clock::now();
        runtime.block_on(batch(channel.clone(), items))?;
        let rate = items as f64 / clock::since(start).as_secs_f64();
        let row = [trials.to_string(), format!("resets/s in one stream of {items}"), format!("{rate:.0}")];
        table.row(&[&*row[0], &*row[1], &*row[2], &*Target::AtLeast(20_000.0).judge(rate)]);
        let grown = resident_memory(&server)? as f64 - before as f64;
        let figure = format!("memory that the server used for a stream of {items}");
        table.row(&[&*trials.to_string(), &*figure, &*mebibytes(grown), ""]);
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = clock::now();
        runtime.block_on(reset_all(channel.clone()))?;
        times.push(clock::since(start).as_secs_f64() * 1e3);
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    let first = times.first().copied().unwrap_or_default();
    table.row(&[
        &*trials.to_string(),
        "reset of all, ms, the first",
        &*format!("{first:.2}"),
        &*Target::AtMost(5.0).judge(first),
    ]);
    table.row(&[&*trials.to_string(), "reset of all, ms, the longest of 20", &*format!("{worst:.2}"), ""]);
    println!("{}", table.into_text());
    drop(channel);
    drop(runtime);
    server.terminate()
}

async fn batch(channel: Channel, items: u64) -> Result<()> {
    let messages = (0..items).map(|device| {
        let device = device_id(device);
        BatchResetTempPassRequest {
            item_id: device.clone(),
            item: Some(Item::TempPass(reset(ResetTarget::DeviceId(device)))),
        }
    });
    let messages = tokio_stream::iter(messages.collect::<Vec<_>>());
    let mut answers = TempPassServiceClient::new(channel).batch_reset_temp_pass(messages).await?.into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await? {
        if answer.status.is_none_or(|status| status.code != 0) {
            return Err("an item FAILED".into());
        }
        count += 1;
    }
    if count == items { Ok(()) } else { Err(format!("{count} of {items} items were answered").into()) }
}

async fn reset_all(channel: Channel) -> Result<()> {
    TempPassServiceClient::new(channel).reset_temp_pass(reset(ResetTarget::AllDevices(true))).await?;
    Ok(())
}

fn reset(target: ResetTarget) -> ResetTempPassRequest {
    ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: MVPD.to_owned(),
        target: Some(target),
        ..ResetTempPassRequest::default()
    }
}
