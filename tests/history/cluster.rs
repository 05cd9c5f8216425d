//! Two servers over a Redis cluster of three primaries with two replicas each, whose primaries are killed or cut off.

use std::{fs, sync::Arc, thread, time::Duration};

use tempfile::TempDir;
use test_engine::{Cluster, ClusterOptions, SLOTS};

use crate::{
    embedded::config,
    history::History,
    run::Servers,
    support::server_process::{Program, ServerProcess},
};

/// A key ring, which a store over Redis asks for.
const KEY_RING: &str = "first:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// How many replicas each primary has at first.
const REPLICAS: usize = 2;

/// Between two looks at a cluster.
const PAUSE: Duration = Duration::from_millis(20);

/// How many looks it is given: a minute.
const LOOKS: usize = 3_000;

/// The servers, and the cluster that they share.
pub struct Replicas {
    servers: Vec<ServerProcess>,
    cluster: Arc<Cluster>,
    _folder: TempDir,
}

impl Replicas {
    /// Servers with so many TempPasses, whose writes so many replicas of a primary acknowledge, over a cluster with nothing in it.
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

    /// Where they are.
    pub fn servers(&self) -> Servers {
        Servers::new(self.servers.iter().map(|server| server.grpc).collect())
    }

    /// Kills a primary, waits until another one has its slots, and starts it again as that one's replica.
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
        history.event(&format!("node {primary} is back"));
    }

    /// Cuts a primary and one of its replicas off from all other nodes, but not from the servers, and heals that when another one
    /// has its slots.
    pub async fn cut_off(&self, history: &History, faults: u64) {
        let slot = slot(faults);
        let primary = self.cluster.primary_of(slot);
        let replica = self.cluster.replicas_of(primary)[0];
        history.event(&format!("primary {primary} and its replica {replica} cut off"));
        self.blocking(move |cluster| {
            cluster.partition(&[primary, replica]);
            let is_replaced = |_| {
                thread::sleep(PAUSE);
                cluster.primary_of(slot) != primary
            };
            assert!((0..LOOKS).any(is_replaced), "primary {primary} is not replaced");
        })
        .await;
        history.event(&format!("primary {primary} replaced"));
        self.blocking(|cluster| {
            cluster.heal();
            cluster.wait_until_ok();
        })
        .await;
        history.event("healed");
    }

    async fn blocking(&self, act: impl FnOnce(&Cluster) + Send + 'static) {
        let cluster = Arc::clone(&self.cluster);
        tokio::task::spawn_blocking(move || act(&cluster)).await.expect("works");
    }
}

/// A slot of another primary for each fault.
fn slot(faults: u64) -> u16 {
    u16::try_from(faults * 5_000 % u64::from(SLOTS)).expect("a slot")
}
