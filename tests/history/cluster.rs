//! Two servers on a Redis cluster of three primaries with two replicas each, whose primaries are killed or partitioned.

use std::{fs, sync::Arc, thread, time::Duration};

use tempfile::TempDir;
use test_engine::{Cluster, ClusterOptions, SLOTS};

use crate::{
    embedded::config,
    history::History,
    run::Servers,
    support::server_process::{Program, ServerProcess},
};

/// A key ring, which the Redis store requires.
const KEY_RING: &str = "first:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// The initial number of replicas per primary.
const REPLICAS: usize = 2;

/// The interval between checks of the cluster.
const PAUSE: Duration = Duration::from_millis(20);

/// The maximum number of checks: one minute in total.
const CHECKS: usize = 3_000;

/// The servers and the cluster that they share.
pub struct ServersOnCluster {
    servers: Vec<ServerProcess>,
    cluster: Arc<Cluster>,
    _folder: TempDir,
}

impl ServersOnCluster {
    /// Starts servers with this number of TempPasses on an empty cluster. A write waits for `wait_replicas` replicas.
    pub fn new(temp_passes: usize, wait_replicas: u32) -> Self {
        let cluster = Cluster::start(&ClusterOptions {
            replicas: REPLICAS,
            partitionable: true,
            ..ClusterOptions::default()
        });
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("passbridge.toml"), config(temp_passes)).expect("written");
        fs::write(folder.path().join("key_ring"), KEY_RING).expect("written");
        let start = |name: &str| {
            Program::server(&folder.path().join(name))
                .argument("--config")
                .argument(folder.path().join("passbridge.toml"))
                .env("PASSBRIDGE_STORE__KIND", "redis")
                .env("PASSBRIDGE_STORE__URL", &cluster.urls().join(","))
                .env("PASSBRIDGE_STORE__KEY_RING", folder.path().join("key_ring").to_str().expect("UTF-8"))
                .env("PASSBRIDGE_STORE__WAIT_REPLICAS", &wait_replicas.to_string())
                .start()
        };
        let servers = vec![start("one"), start("two")];
        Self { servers, cluster: Arc::new(cluster), _folder: folder }
    }

    /// The addresses of the servers.
    pub fn servers(&self) -> Servers {
        Servers::new(self.servers.iter().map(|server| server.grpc).collect())
    }

    /// Kills a primary, waits until another node has its slots, and restarts it as a replica of that node.
    pub async fn fail_over(&self, history: &History, faults: u64) {
        let primary = self.cluster.primary_of(slot(faults));
        history.event(&format!("primary {primary} killed"));
        self.blocking(move |cluster| {
            cluster.nodes()[primary].kill();
            cluster.wait_until_ok();
        })
        .await;
        history.event(&format!("primary {primary} replaced"));
        self.blocking(move |cluster| {
            cluster.nodes()[primary].restart();
            cluster.wait_until_ok();
        })
        .await;
        history.event(&format!("node {primary} restarted"));
    }

    /// Partitions a primary and one of its replicas from all other nodes, but not from the servers, and heals the partition when
    /// another node has its slots.
    pub async fn partition(&self, history: &History, faults: u64) {
        let slot = slot(faults);
        let primary = self.cluster.primary_of(slot);
        let replica = self.cluster.replicas_of(primary)[0];
        history.event(&format!("primary {primary} and its replica {replica} partitioned"));
        self.blocking(move |cluster| {
            cluster.partition(&[primary, replica]);
            let is_replaced = |_| {
                thread::sleep(PAUSE);
                cluster.primary_of(slot) != primary
            };
            assert!((0..CHECKS).any(is_replaced), "primary {primary} is not replaced");
        })
        .await;
        history.event(&format!("primary {primary} replaced"));
        self.blocking(|cluster| {
            cluster.heal();
            cluster.wait_until_ok();
        })
        .await;
        history.event("partition healed");
    }

    async fn blocking(&self, act: impl FnOnce(&Cluster) + Send + 'static) {
        let cluster = Arc::clone(&self.cluster);
        tokio::task::spawn_blocking(move || act(&cluster)).await.expect("no panic");
    }
}

/// A slot of a different primary for each fault.
fn slot(faults: u64) -> u16 {
    u16::try_from(faults * 5_000 % u64::from(SLOTS)).expect("a slot")
}
