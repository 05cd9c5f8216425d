//! Starts a local cluster and two passbridge replicas over it, for manual tests.

#![forbid(unsafe_code)]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_engine::{Cluster, ClusterOptions, Product, ServerOptions};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

/// Starts a cluster of three primaries on free ports of this machine, and two passbridge replicas over it, until Ctrl-C.
/// All data is deleted at the end.
#[derive(Debug, Parser)]
#[command(name = "local-cluster")]
struct Arguments {
    /// The passbridge program. Without it, only the cluster starts, and the commands that start replicas are printed.
    #[arg(long, value_name = "PROGRAM")]
    passbridge: Option<PathBuf>,
    /// The number of replicas of each primary.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=5))]
    replicas: u8,
    /// Use Valkey instead of Redis. It is found by `PASSBRIDGE_VALKEY_SERVER` or in `PATH`.
    #[arg(long)]
    valkey: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let product = if arguments.valkey { Product::Valkey } else { Product::Redis };
    let cluster = Cluster::start(&ClusterOptions {
        node: ServerOptions { product, append_only: true, ..ServerOptions::default() },
        replicas: arguments.replicas.into(),
        node_timeout: Some(Duration::from_secs(2)),
        ..ClusterOptions::default()
    });
    let folder = tempfile::tempdir()?;
    let configurations = configure(&cluster, &folder)?;
    describe(&cluster, &configurations)?;
    let mut replicas = Replicas::start(arguments.passbridge.as_deref(), &configurations)?;
    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = replicas.first_end() => Some(ended?),
    };
    replicas.stop().await?;
    match ended {
        None => Ok(()),
        Some(status) => Err(io::Error::other(format!("a replica of passbridge has ended: {status}"))),
    }
}

/// The configuration files of two replicas, on the default ports and on the next ones.
fn configure(cluster: &Cluster, folder: &TempDir) -> io::Result<[PathBuf; 2]> {
    let ring = folder.path().join("key-ring");
    write_key_ring(&ring)?;
    let urls = cluster.urls().join(",");
    let write = |number: u16| {
        let file = folder.path().join(format!("replica-{}.toml", number + 1));
        let text = format!(
            r#"[grpc]
listen = "127.0.0.1:{}"

[rest]
listen = "127.0.0.1:{}"

[operations]
listen = "127.0.0.1:{}"

[store]
kind = "redis"
url = "{urls}"
key_ring = "{}"
"#,
            50_051 + number,
            8080 + number,
            9464 + number,
            ring.display()
        );
        fs::write(&file, text).map(|()| file)
    };
    Ok([write(0)?, write(1)?])
}

/// A key ring line in the format of `passbridge keys new`.
fn write_key_ring(file: &Path) -> io::Result<()> {
    let mut key = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut options = OpenOptions::new();
    let file = options.create_new(true).write(true).mode(0o600).open(file)?;
    io::Write::write_all(&mut &file, format!("local:{}\n", BASE64_STANDARD.encode(key)).as_bytes())
}

fn describe(cluster: &Cluster, configurations: &[PathBuf]) -> io::Result<()> {
    println!("nodes, three primaries first:");
    for url in cluster.urls() {
        println!("  {url}");
    }
    for configuration in configurations {
        println!("\npassbridge serve --config {}\n", configuration.display());
        for line in fs::read_to_string(configuration)?.lines() {
            println!("  {line}");
        }
    }
    println!("\nCtrl-C ends it and deletes what it kept.");
    Ok(())
}

/// The passbridge processes; none if no program was named. They are killed with this process.
struct Replicas(Vec<Child>);

impl Replicas {
    fn start(program: Option<&Path>, configurations: &[PathBuf]) -> io::Result<Self> {
        let Some(program) = program else { return Ok(Self(Vec::new())) };
        let start = |configuration: &PathBuf| {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            // Ctrl-C must reach this process only, which stops them before the cluster.
            command.args(["serve", "--config"]).arg(configuration).process_group(0).kill_on_drop(true);
            command.spawn()
        };
        configurations.iter().map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the first process to exit by itself. Never returns if there is none.
    async fn first_end(&mut self) -> io::Result<ExitStatus> {
        match self.0.as_mut_slice() {
            [one, two] => tokio::select! {
                ended = one.wait() => ended,
                ended = two.wait() => ended,
            },
            _ => std::future::pending().await,
        }
    }

    /// Tells the processes to drain.
    async fn stop(&mut self) -> io::Result<()> {
        for replica in &self.0 {
            if let Some(id) = replica.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
                kill_process(id, Signal::TERM)?;
            }
        }
        for replica in &mut self.0 {
            replica.wait().await?;
        }
        Ok(())
    }
}
