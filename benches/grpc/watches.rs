//! Open watches: the memory of each, compared with a bare stream, and the latency of the notification of a delete while codes
//! are created.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use passbridge::proto::v1::{
    WatchRegistrationCodeRequest, WatchRegistrationCodeResponse, registration_code::State,
};
use prost::Message;
use tokio::runtime::{Builder, Runtime};

use crate::{
    GRPC,
    client::Client,
    echo,
    footprint::{mebibytes, resident_memory},
    messages::Messages,
    pace::{Pace, clients},
    support::{
        Failure, Result, Setting, clock,
        codes::{CODE_LENGTH, Code},
        disk,
        load::{self, Client as _, Plan, Workload},
        machine,
        process::{Face, Server},
        report::{Table, Target, milliseconds},
        tally::{CallError, Tally},
        template::Template,
    },
    workload::{Create, Delete, EchoWorkload, Get, REQUESTOR, framed},
};

const WATCH: &str = "/passbridge.v1.RegistrationCodeService/WatchRegistrationCode";

/// The TTL of codes in seconds: longer than the benchmark.
const TTL: i64 = 36_000;

/// Creates per second in addition to the deletes.
const CREATES: u32 = 2_000;

/// Deletes of watched codes per second.
const DELETES: u32 = 50;

/// The number of watches and connections, and the duration of deletes.
pub struct WatchesOptions {
    watches: u32,
    connections: usize,
    time: Duration,
}

impl WatchesOptions {
    /// Enough watches to measure the latency of messages.
    pub fn small(quick: bool) -> Self {
        let time = if quick { Duration::from_millis(500) } else { Duration::from_secs(20) };
        Self { watches: 2_000, connections: 4, time }
    }
}

/// The latency from a delete at `other` to its response, and to the message of the watch at `one`, while codes are created at
/// `other`.
pub fn across(
    setting: &Setting,
    one: &Server,
    other: &Server,
    extent: &WatchesOptions,
) -> Result<[Tally; 2]> {
    let codes = make_codes(setting, one, extent)?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let watch = watch_request();
    let requests = codes.iter().map(|code| watch.with(code)).collect();
    let (messages, _) = open(&runtime, one, WATCH, requests, extent)?;
    let watched = codes.into_iter().zip(messages.into_iter().map(|(_, rest)| rest)).collect();
    runtime.block_on(delete_some(other, extent.time, watched))
}

/// An open stream and the code that it watches.
type Watched = (Code, Messages);

/// Runs the benchmark and prints its table.
pub fn run(setting: &Setting) -> Result<()> {
    let extents = match setting.quick {
        true => vec![WatchesOptions { watches: 100, connections: 2, time: Duration::from_millis(500) }],
        false => vec![
            WatchesOptions { watches: 10_000, connections: 20, time: Duration::from_secs(20) },
            WatchesOptions { watches: 100_000, connections: 200, time: Duration::from_secs(20) },
        ],
    };
    let data = disk::data_folder()?;
    print!("{}", machine::describe(data.path(), if setting.quick { 20 } else { 400 })?);
    let mut table = Table::new(&["watches", "figure", "passbridge", "bare stream", "target"]);
    for extent in &extents {
        measure(setting, extent, &mut table)?;
    }
    print!("\n{}", table.into_text());
    Ok(())
}

fn measure(setting: &Setting, extent: &WatchesOptions, table: &mut Table) -> Result<()> {
    let data = disk::data_folder()?;
    let limit = extent.watches.to_string();
    let environment = [("PASSBRIDGE_GRPC__MAX_WATCHES", limit.as_str())];
    let server =
        Server::passbridge(&setting.server, data.path(), &Face { environment: &environment, ..GRPC })?;
    server.wait_until_ready()?;
    let codes = make_codes(setting, &server, extent)?;

    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let watch = watch_request();
    let requests = codes.iter().map(|code| watch.with(code)).collect();
    let (messages, opened) = open(&runtime, &server, WATCH, requests, extent)?;
    let size = messages.first().map_or(0, |(first, _)| first.len());
    let mut watched: Vec<_> = codes.into_iter().zip(messages.into_iter().map(|(_, rest)| rest)).collect();
    fastrand::shuffle(&mut watched);
    let [answered, notified] = runtime.block_on(delete_some(&server, extent.time, watched))?;
    drop(runtime);
    server.terminate()?;

    let echo = Server::reference(&GRPC, &["echo"])?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let request =
        EchoWorkload::of_size(watch.len(), size).request().ok_or("the workload has no more requests")?;
    let requests = vec![request; extent.watches as usize];
    let (_open, bare) = open(&runtime, &echo, echo::STREAM_PATH, requests, extent)?;

    let name = format!("{} over {} connections", extent.watches, extent.connections);
    let each = |memory: f64| memory / f64::from(extent.watches) / 1024.0;
    let row = |table: &mut Table, figure: &str, here: &str, there: &str, target: &str| {
        table.row(&[&name, figure, here, there, target]);
    };
    row(
        table,
        "memory of each, KiB",
        &format!("{:.1}", each(opened)),
        &format!("{:.1}", each(bare)),
        &Target::AtMost(8.0).judge(each(opened)),
    );
    row(table, "memory of all", &mebibytes(opened), &mebibytes(bare), "");
    for (figure, tally, most) in [
        ("from a delete to its response", answered, Target::None),
        ("from a delete to the watch's message", notified, Target::AtMost(1.3)),
    ] {
        let [p50, p99] = [0.5, 0.99].map(|quantile| tally.latency.value_at_quantile(quantile));
        row(table, &format!("{figure}, p50"), &milliseconds(p50), "", "");
        let judged = most.judge(p99 as f64 / 1e3);
        row(table, &format!("{figure}, p99, ms"), &milliseconds(p99), "", &judged);
    }
    Ok(())
}

/// Codes to be watched. The server has already read them, so that its cache does not count as memory of the watches.
fn make_codes(setting: &Setting, server: &Server, extent: &WatchesOptions) -> Result<Vec<Code>> {
    let from = clock::now();
    let plan = |time| Plan { in_flight: 64, threads: setting.client_threads, from, until: from + time };
    let create = Arc::new(Create::new(Some(TTL))?.limited(u64::from(extent.watches)));
    load::run(server.address, &create, plan(Duration::from_secs(3600)))?.complete()?;
    let codes = create.codes();
    let plan = Plan { until: clock::now() + extent.time / 4, ..plan(Duration::ZERO) };
    load::run(server.address, &Arc::new(Get::new(codes.clone())), plan)?.complete()?;
    Ok(codes)
}

fn watch_request() -> Template {
    let request = WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: "#".repeat(CODE_LENGTH),
        ..WatchRegistrationCodeRequest::default()
    };
    Template::new(framed(&request), &request.code)
}

/// Opens a stream for each request, waits for its first message, and returns the memory that they take at the server, in bytes.
fn open(
    runtime: &Runtime,
    server: &Server,
    path: &str,
    requests: Vec<Bytes>,
    extent: &WatchesOptions,
) -> Result<(Vec<(Bytes, Messages)>, f64)> {
    server.settle()?;
    let before = resident_memory(server)?;
    let connections = requests.chunks(requests.len().div_ceil(extent.connections)).map(async |requests| {
        let client = Client::connect(server.address, path, 1).await?.remove(0);
        let mut streams = Vec::new();
        for request in requests {
            let mut messages = Messages::of(&client, request.clone()).await?;
            streams.push((messages.next().await?, messages));
        }
        Ok::<_, Failure>(streams)
    });
    let streams = runtime.block_on(try_join_all(connections))?;
    server.settle()?;
    let grown = resident_memory(server)? as f64 - before as f64;
    Ok((streams.into_iter().flatten().collect(), grown))
}

/// Deletes watched codes while others are created; returns the latencies of the response and of the watch's message.
async fn delete_some(server: &Server, time: Duration, mut watched: Vec<Watched>) -> Result<[Tally; 2]> {
    let create = Create::new(Some(TTL))?;
    let mut creating = clients(server.address, create.method()).await?;
    let mut deleting = clients(server.address, Delete::METHOD).await?;
    let (creates, deletes) = (Pace::new(CREATES, time), Pace::new(DELETES, time));
    let tallies: Arc<Mutex<[Tally; 2]>> = Arc::default();
    let delete = Delete::new();
    let creating = creates.keep(|| {
        let mut client = creating.next().ok_or("no client was opened")?;
        let request = create.request().ok_or("the workload has no more requests")?;
        Ok(async move { client.call(request).await.map(drop) })
    });
    let deleting = deletes.keep(|| {
        let client = deleting.next().ok_or("no client was opened")?;
        let (code, watch) = watched.pop().ok_or("more deletes than watches")?;
        Ok(delete_one(client, delete.request(&code), watch, Arc::clone(&tallies)))
    });
    tokio::try_join!(creating, deleting)?;
    creates.take()?;
    deletes.take()?;
    let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *tallies))
}

async fn delete_one(
    mut client: Client,
    request: Bytes,
    mut watch: Messages,
    tallies: Arc<Mutex<[Tally; 2]>>,
) -> std::result::Result<(), CallError> {
    let begin = clock::now();
    let answered = async { client.call(request).await.map(|_| clock::since(begin)) };
    let notified = async { watch.next().await.map(|message| (message, clock::since(begin))) };
    let (answered, (message, notified)) = tokio::try_join!(answered, notified)?;
    let code =
        WatchRegistrationCodeResponse::decode(message).ok().and_then(|message| message.registration_code);
    if code.map(|code| code.state()) != Some(State::Released) {
        return Err(CallError::Status("a watch received a state other than released".to_owned()));
    }
    let [answers, news] = &mut *tallies.lock().unwrap_or_else(PoisonError::into_inner);
    answers.answer(answered, true);
    news.answer(notified, true);
    Ok(())
}
