//! Acknowledged writes survive every crash.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures_util::{StreamExt, stream};
use passbridge::proto::v1::registration_code_service_client::RegistrationCodeServiceClient;
use tokio::sync::Notify;
use tonic::{Code, transport::Channel};

use crate::support::{
    request::{create_for, delete, get},
    server_process::{Program, ServerProcess},
};

const ROUNDS: u64 = 12;
const CLIENTS: u64 = 8;
const MOST_ACKNOWLEDGED: u64 = 400;

/// Seconds; longer than the test.
const LASTING: i64 = 36_000;

/// A client's knowledge of a code that was acknowledged to it.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Lives,
    /// The delete was sent without a response.
    MayBeGone,
    Gone,
}

/// The combined knowledge of all clients.
#[derive(Default)]
struct Knowledge {
    /// By code: the record's id and its last known state.
    codes: HashMap<String, (String, Known)>,
    /// The number of creates that were sent without a response.
    unanswered_creates: u64,
    acknowledged: u64,
}

#[derive(Default)]
struct Clients {
    knowledge: Mutex<Knowledge>,
    one_more: Notify,
}

impl Clients {
    fn know<T>(&self, change: impl FnOnce(&mut Knowledge) -> T) -> T {
        change(&mut self.knowledge.lock().expect("not poisoned"))
    }

    fn acknowledged(&self) {
        self.know(|knowledge| knowledge.acknowledged += 1);
        self.one_more.notify_one();
    }

    /// Creates and deletes codes until the server is gone.
    async fn keep_busy(
        self: Arc<Self>,
        mut codes: RegistrationCodeServiceClient<Channel>,
        mut random: fastrand::Rng,
    ) {
        let mut own: Vec<String> = Vec::new();
        loop {
            if !own.is_empty() && random.u8(..3) == 0 {
                let code = own.swap_remove(random.usize(..own.len()));
                self.set(&code, Known::MayBeGone);
                if codes.delete_registration_code(delete(&code)).await.is_err() {
                    return;
                }
                self.set(&code, Known::Gone);
            } else {
                self.know(|knowledge| knowledge.unanswered_creates += 1);
                let Ok(answer) = codes.create_registration_code(create_for(LASTING)).await else { return };
                let created = answer.into_inner().registration_code.expect("a code");
                own.push(created.code.clone());
                self.know(|knowledge| {
                    knowledge.unanswered_creates -= 1;
                    let before = knowledge.codes.insert(created.code, (created.id, Known::Lives));
                    assert!(before.is_none(), "a code was given out twice");
                });
            }
            self.acknowledged();
        }
    }

    fn set(&self, code: &str, known: Known) {
        self.know(|knowledge| knowledge.codes.get_mut(code).expect("known").1 = known);
    }
}

/// Reads every acknowledged code.
async fn assert_all_there(server: &ServerProcess, clients: &Clients, round: u64) {
    let known = clients.know(|knowledge| knowledge.codes.clone());
    let codes = server.codes();
    let reads = stream::iter(known).map(|(code, (id, known))| {
        let mut codes = codes.clone();
        async move {
            let read = codes.get_registration_code(get(&code)).await;
            (code, id, known, read)
        }
    });
    let mut reads = reads.buffer_unordered(64);
    while let Some((code, id, known, read)) = reads.next().await {
        match read {
            Ok(read) => {
                assert!(
                    known != Known::Gone,
                    "round {round}: the delete of {code} was acknowledged and lost"
                );
                assert_eq!(read.into_inner().registration_code.expect("a code").id, id);
            }
            Err(status) => {
                assert_eq!(status.code(), Code::NotFound, "{status:?}");
                assert!(known != Known::Lives, "round {round}: {code} was acknowledged and lost");
                // Deleted for certain: it must not reappear.
                clients.set(&code, Known::Gone);
            }
        }
    }
}

/// The counter must match the clients' knowledge, except for calls without a response.
fn assert_counted(server: &ServerProcess, clients: &Clients, round: u64) {
    let (_, metrics) = server.page("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("passbridge_live_codes{"));
    let live: u64 = line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0);
    clients.know(|knowledge| {
        let count = |known| knowledge.codes.values().filter(|(_, other)| *other == known).count() as u64;
        let least = count(Known::Lives);
        let most = least + count(Known::MayBeGone) + knowledge.unanswered_creates;
        assert!((least..=most).contains(&live), "round {round}: {live} are counted, not {least} to {most}");
    });
}

#[tokio::test]
async fn a_kill_loses_no_acknowledged_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let clients = Arc::new(Clients::default());
    let mut random = fastrand::Rng::with_seed(4);
    for round in 0..ROUNDS {
        if round % 3 == 2 {
            // While the server fills its index.
            Program::server(folder.path()).start().kill();
        }
        let mut server = Program::server(folder.path()).start();
        assert_all_there(&server, &clients, round).await;
        assert_counted(&server, &clients, round);

        let enough = clients.know(|knowledge| knowledge.acknowledged) + random.u64(1..MOST_ACKNOWLEDGED);
        let busy: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let random = fastrand::Rng::with_seed(random.u64(..));
                tokio::spawn(Arc::clone(&clients).keep_busy(server.codes(), random))
            })
            .collect();
        while clients.know(|knowledge| knowledge.acknowledged) < enough {
            clients.one_more.notified().await;
        }
        server.kill();
        for client in busy {
            client.await.expect("ends with the server");
        }
    }
    let server = Program::server(folder.path()).start();
    assert_all_there(&server, &clients, ROUNDS).await;
    assert_counted(&server, &clients, ROUNDS);
    server.codes().create_registration_code(create_for(LASTING)).await.expect("goes on");
}
