//! What codes that are deleted long before their end leave on the disk, beside as many codes that were created and
//! left alone: a deleted one is remembered until its quarantine ends, and takes no more room than that.

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

/// How long a code would live, in seconds: longer than the benchmark takes, so that all of them are in quarantine
/// at its end.
const TTL: i64 = 36_000;

/// The load.
#[derive(Debug, Args)]
pub struct GrowthOptions {
    /// How long it goes on.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Creates a second, and as many deletes.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// How many seconds a code lives until it is deleted: by then, most have left memory for a file.
    #[arg(long, default_value_t = 60)]
    age: u32,
}

/// How often the folder is looked at, and when.
struct GrowthPlan {
    rate: u32,
    periods: u32,
    period: Duration,
    /// How many codes live at once.
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

    /// How many codes have been made after so many periods.
    fn made(&self, periods: u32) -> usize {
        (self.period * periods).as_secs() as usize * self.rate as usize
    }
}

/// Runs the benchmark and prints its table.
pub fn run(setting: &Setting, options: &GrowthOptions) -> Result<()> {
    let course = GrowthPlan::new(setting, options);
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let left_alone = left_alone(setting, &course)?;
    let folders = deleted(setting, &course, data.path())?;

    let columns =
        ["created", "live", "in quarantine", "data folder", "of as many left alone", "ratio", "target"];
    let mut table = Table::new(&columns);
    for (period, (folder, beside)) in (1..).zip(folders.iter().zip(&left_alone)) {
        let made = course.made(period);
        let live = made.min(course.live);
        let ratio = *folder as f64 / *beside as f64;
        // Before that, what a server has on the disk without any code is much of it.
        let target = if period == course.periods { Target::AtMost(1.5) } else { Target::None };
        table.row(&[
            made.to_string(),
            live.to_string(),
            (made - live).to_string(),
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
fn left_alone(setting: &Setting, course: &GrowthPlan) -> Result<Vec<u64>> {
    let data = disk::data_folder()?;
    let server = Server::passbridge(&setting.server, data.path(), &GRPC)?;
    server.wait_until_ready()?;
    let create = Arc::new(Create::new(Some(TTL))?);
    let mut sizes = Vec::new();
    for period in 1..=course.periods {
        let fill = Fill { create: Arc::clone(&create), count: course.made(period) };
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
fn deleted(setting: &Setting, course: &GrowthPlan, data: &Path) -> Result<Vec<u64>> {
    let server = Server::passbridge(&setting.server, data, &GRPC)?;
    server.wait_until_ready()?;
    let pace = Pace::new(course.rate, course.period * course.periods);
    let (address, kept, live) = (server.address, pace.clone(), course.live);
    let load = std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build()?.block_on(create_and_delete(&kept, address, live))
    });
    let mut sizes = Vec::new();
    for period in 1..=course.periods {
        let end = pace.start + course.period * period;
        std::thread::sleep(end.saturating_duration_since(clock::now()));
        let size = folder_size(data);
        eprintln!(
            "{}/s, {}",
            pace.take()?.answered as f64 / course.period.as_secs_f64(),
            mebibytes(size as f64)
        );
        sizes.push(size);
    }
    load.join().map_err(|_| "the load generator panicked")??;
    pace.take()?;
    server.terminate()?;
    Ok(sizes)
}

/// Creates a code each time, and deletes the oldest where more live than should.
async fn create_and_delete(pace: &Pace, address: SocketAddr, live: usize) -> Result<()> {
    let create = Create::new(Some(TTL))?;
    let delete = Arc::new(Delete::new());
    let codes: Arc<Mutex<VecDeque<_>>> = Arc::default();
    let mut creating = clients(address, create.method()).await?;
    let mut deleting = clients(address, Delete::METHOD).await?;
    pace.keep(|| {
        let client = |clients: &mut dyn Iterator<Item = Client>| clients.next().ok_or("there is no client");
        let (mut creating, mut deleting) = (client(&mut creating)?, client(&mut deleting)?);
        let request = create.request().ok_or("the workload has no request")?;
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
