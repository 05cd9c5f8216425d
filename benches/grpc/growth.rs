//! The disk space of codes that are deleted long before their expiry, compared with as many codes that are not deleted: a
//! deleted code is stored until its quarantine ends, and should not take more space.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Args;
use tokio::runtime::Builder;

use crate::{
    GRPC,
    client::Client,
    footprint::{folder_size, mebibytes},
    pace::{Pace, clients},
    support::{
        Result, Setting, clock, disk,
        load::{self, Client as _, Plan, Workload},
        machine,
        process::Server,
        report::{Table, Target},
        tally::CallError,
    },
    workload::{Create, Delete, Fill, code_of},
};

/// The TTL of codes in seconds: longer than the benchmark, so that all deleted codes are in quarantine at its end.
const TTL: i64 = 36_000;

/// The load.
#[derive(Debug, Args)]
pub struct GrowthOptions {
    /// The duration.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Creates per second, and as many deletes.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// The age in seconds at which a code is deleted. By then, most codes have been written to a file.
    #[arg(long, default_value_t = 60)]
    age: u32,
}

/// The periods after which the folder is measured.
struct GrowthPlan {
    rate: u32,
    periods: u32,
    period: Duration,
    /// The number of live codes.
    live: usize,
}

impl GrowthPlan {
    fn new(setting: &Setting, options: &GrowthOptions) -> Self {
        let &GrowthOptions { minutes, rate, age } = options;
        let (periods, period, age) = match setting.quick {
            true => (3, Duration::from_secs(1), 1),
            false => (minutes * 2, Duration::from_secs(30), age),
        };
        Self { rate, periods, period, live: rate as usize * age as usize }
    }

    /// The number of codes created after this many periods.
    fn created(&self, periods: u32) -> usize {
        (self.period * periods).as_secs() as usize * self.rate as usize
    }
}

/// Runs the benchmark and prints its table.
pub fn run(setting: &Setting, options: &GrowthOptions) -> Result<()> {
    let plan = GrowthPlan::new(setting, options);
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let not_deleted = not_deleted(setting, &plan)?;
    let folders = deleted(setting, &plan, data.path())?;

    let columns =
        ["created", "live", "in quarantine", "data folder", "of as many not deleted", "ratio", "target"];
    let mut table = Table::new(&columns);
    for (period, (folder, beside)) in (1..).zip(folders.iter().zip(&not_deleted)) {
        let created = plan.created(period);
        let live = created.min(plan.live);
        let ratio = *folder as f64 / *beside as f64;
        // In earlier periods, the fixed part of the folder dominates.
        let target = if period == plan.periods { Target::AtMost(1.5) } else { Target::None };
        table.row(&[
            created.to_string(),
            live.to_string(),
            (created - live).to_string(),
            mebibytes(*folder as f64),
            mebibytes(*beside as f64),
            format!("{ratio:.2}"),
            target.judge(ratio),
        ]);
    }
    print!("\n{}", table.into_text());
    Ok(())
}

/// The folder's size after each period's codes were created at full speed.
fn not_deleted(setting: &Setting, plan: &GrowthPlan) -> Result<Vec<u64>> {
    let data = disk::data_folder()?;
    let server = Server::passbridge(&setting.server, data.path(), &GRPC)?;
    server.wait_until_ready()?;
    let create = Arc::new(Create::new(Some(TTL))?);
    let mut sizes = Vec::new();
    for period in 1..=plan.periods {
        let fill = Fill { create: Arc::clone(&create), count: plan.created(period) };
        let from = clock::now();
        let plan = Plan {
            in_flight: 256,
            threads: setting.client_threads,
            from,
            until: from + Duration::from_secs(600),
        };
        load::run(server.address, &Arc::new(fill), plan)?.complete()?;
        server.settle()?;
        sizes.push(folder_size(data.path()));
    }
    server.terminate()?;
    Ok(sizes)
}

/// The folder's size after each period of creating and deleting.
fn deleted(setting: &Setting, plan: &GrowthPlan, data: &Path) -> Result<Vec<u64>> {
    let server = Server::passbridge(&setting.server, data, &GRPC)?;
    server.wait_until_ready()?;
    let pace = Pace::new(plan.rate, plan.period * plan.periods);
    let (address, kept, live) = (server.address, pace.clone(), plan.live);
    let load = std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build()?.block_on(create_and_delete(&kept, address, live))
    });
    let mut sizes = Vec::new();
    for period in 1..=plan.periods {
        let end = pace.start + plan.period * period;
        std::thread::sleep(end.saturating_duration_since(clock::now()));
        let size = folder_size(data);
        eprintln!(
            "{}/s, {}",
            pace.take()?.answered as f64 / plan.period.as_secs_f64(),
            mebibytes(size as f64)
        );
        sizes.push(size);
    }
    load.join().map_err(|_| "the load generator panicked")??;
    pace.take()?;
    server.terminate()?;
    Ok(sizes)
}

/// Creates a code each time, and deletes the oldest one if there are more live codes than planned.
async fn create_and_delete(pace: &Pace, address: SocketAddr, live: usize) -> Result<()> {
    let create = Create::new(Some(TTL))?;
    let delete = Arc::new(Delete::new());
    let codes: Arc<Mutex<VecDeque<_>>> = Arc::default();
    let mut creating = clients(address, create.method()).await?;
    let mut deleting = clients(address, Delete::METHOD).await?;
    pace.keep(|| {
        let client = |clients: &mut dyn Iterator<Item = Client>| clients.next().ok_or("no client was opened");
        let (mut creating, mut deleting) = (client(&mut creating)?, client(&mut deleting)?);
        let request = create.request().ok_or("the workload has no more requests")?;
        let (delete, codes) = (Arc::clone(&delete), Arc::clone(&codes));
        Ok(async move {
            let answer = creating.call(request).await?;
            let code = code_of(&answer).ok_or_else(|| CallError::Status("OK without a code".to_owned()))?;
            let oldest = {
                let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
                codes.push_back(code);
                if codes.len() > live { codes.pop_front() } else { None }
            };
            match oldest {
                Some(oldest) => deleting.call(delete.request(&oldest)).await.map(drop),
                None => Ok(()),
            }
        })
    })
    .await
}
