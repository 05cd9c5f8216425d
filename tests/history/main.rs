//! Recorded histories of concurrent clients, checked for linearizability: every response must be one that a server which executes
//! one call at a time could have given. `docs/consistency.md` has the guarantees, and how to run the tests and read their results.

#![forbid(unsafe_code)]

mod call;
mod checker;
mod client;
mod clock;
mod cluster;
mod embedded;
mod history;
mod run;
mod support;
mod workload;

use std::{fs, path::Path};

use crate::{
    checker::Verdict, cluster::ServersOnCluster, embedded::EmbeddedServer, history::History,
    workload::Workload,
};

/// The number of TempPasses of a history, which are used one after another, so that each has few calls.
const TEMP_PASSES: usize = 40;

/// How many times the server of a history is killed.
const KILLS: u64 = 8;

/// Records a history on the embedded store with this seed, including kills of the server, and checks it.
async fn crash_and_check(seed: u64) -> Verdict {
    let mut embedded = EmbeddedServer::new(TEMP_PASSES);
    let servers = embedded.servers();
    let crash = async |servers: &_, history: &_, faults| embedded.crash(servers, history, faults);
    let over = |progress: run::Progress| progress.faults >= KILLS;
    let history = run::record(servers, Workload::new(TEMP_PASSES), seed, crash, over).await;
    check(&history, &format!("embedded-{seed}"), &[])
}

fn check(history: &History, name: &str, options: &[&str]) -> Verdict {
    let path = checker::folder().join(format!("{name}.jsonl"));
    history.write(&path);
    checker::check(&path, options)
}

#[tokio::test]
async fn a_history_with_repeated_kills_of_the_server_is_linearizable() {
    let verdict = crash_and_check(6).await;
    assert_eq!(verdict.status, Some(0), "{}", verdict.output);
}

/// To run by hand: `PASSBRIDGE_HISTORY_SEEDS=100..200 cargo test --test history -- --ignored --nocapture`
#[tokio::test]
#[ignore = "takes some seconds per seed"]
async fn histories_of_many_seeds_are_linearizable() {
    let seeds = std::env::var("PASSBRIDGE_HISTORY_SEEDS").unwrap_or_else(|_| "0..50".to_owned());
    let bounds: Vec<u64> = seeds.split("..").map(|bound| bound.parse().expect("two numbers")).collect();
    let [first, end] = bounds[..] else {
        panic!("PASSBRIDGE_HISTORY_SEEDS must be a range such as 0..50, not {seeds}")
    };
    for seed in first..end {
        let verdict = crash_and_check(seed).await;
        println!("seed {seed}:\n{}", verdict.output);
        assert_eq!(verdict.status, Some(0), "seed {seed}");
    }
}

/// To run by hand: prints the number of anomalies of each kind. `PASSBRIDGE_HISTORY_WAIT_REPLICAS` sets how many replicas a write
/// waits for.
#[tokio::test]
#[ignore = "takes minutes"]
async fn anomalies_are_counted_while_primaries_are_killed() {
    count_anomalies("killed", async |cluster, history, faults| cluster.fail_over(history, faults).await)
        .await;
}

/// The same with partitions.
#[tokio::test]
#[ignore = "takes minutes"]
async fn anomalies_are_counted_while_primaries_are_partitioned() {
    count_anomalies("partitioned", async |cluster, history, faults| cluster.partition(history, faults).await)
        .await;
}

async fn count_anomalies(name: &str, fault: impl AsyncFn(&ServersOnCluster, &History, u64)) {
    let setting =
        |name, default| std::env::var(name).map_or(default, |count| count.parse::<u32>().expect("a number"));
    let wait_replicas = setting("PASSBRIDGE_HISTORY_WAIT_REPLICAS", 2);
    let faults = setting("PASSBRIDGE_HISTORY_FAULTS", 6);
    let cluster = ServersOnCluster::new(400, wait_replicas);
    let servers = cluster.servers();
    let inject = async |_: &_, history: &_, faults| fault(&cluster, history, faults).await;
    let over = |progress: run::Progress| progress.faults >= u64::from(faults);
    let history = run::record(servers, Workload::new(400), 8, inject, over).await;
    let verdict = check(&history, &format!("{name}-{wait_replicas}"), &["-anomalies"]);
    println!("{}", verdict.output);
    assert_eq!(verdict.status, Some(0));
}

/// Tests the checker, without which the other tests would prove nothing.
#[tokio::test]
async fn lost_acknowledged_writes_are_detected() {
    let mut embedded = EmbeddedServer::new(TEMP_PASSES);
    let servers = embedded.servers();
    let backup = tempfile::tempdir().expect("a folder");
    let backup = backup.path();
    let lose = async |servers: &_, history: &_, faults| {
        embedded.crash_and(servers, history, |data| match faults {
            0 => copy(data, &backup.join("data")),
            _ => {
                fs::remove_dir_all(data).expect("can be removed");
                copy(&backup.join("data"), data);
            }
        });
    };
    let over = |progress: run::Progress| progress.faults >= 2;
    let history = run::record(servers, Workload::new(TEMP_PASSES), 7, lose, over).await;

    let verdict = check(&history, "lost", &[]);
    assert_eq!(verdict.status, Some(1), "{}", verdict.output);
    assert!(verdict.output.contains("NOT LINEARIZABLE"), "{}", verdict.output);

    let verdict = check(&history, "lost", &["-anomalies"]);
    assert_eq!(verdict.status, Some(0), "{}", verdict.output);
    assert!(!verdict.output.contains("lost acknowledged writes: 0"), "{}", verdict.output);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("readable");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).expect("copies");
        }
    }
}
