//! The memory that open watches take.

use std::fs;

use futures_util::{StreamExt, TryStreamExt, stream};
use passbridge::proto::v1::{
    WatchRegistrationCodeResponse, registration_code::State,
    registration_code_service_client::RegistrationCodeServiceClient,
};
use tonic::{Streaming, transport::Channel};

use crate::support::{
    request::{create, watch},
    server_process::Program,
};

type Codes = RegistrationCodeServiceClient<Channel>;

const WATCHES: usize = 1_000;

/// The limit for each watch in bytes, including its share of the connection.
const MOST: usize = 8 * 1024;

fn resident_memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("reported by the kernel");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

async fn open(mut codes: Codes, code: &str) -> Streaming<WatchRegistrationCodeResponse> {
    let mut watch = codes.watch_registration_code(watch(code)).await.expect("watches").into_inner();
    let first = watch.message().await.expect("answers").expect("a state");
    assert_eq!(first.registration_code.expect("a code").state(), State::Pending);
    watch
}

#[tokio::test]
async fn an_open_watch_takes_at_most_eight_kibibytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::server(folder.path()).start();
    let connections = [server.codes(), server.codes()];
    // Few concurrent creates: memory that they leave allocated would be attributed to the watches.
    let creates = stream::iter(0..WATCHES).map(|_| {
        let mut codes = connections[0].clone();
        async move { codes.create_registration_code(create()).await }
    });
    let codes: Vec<_> = creates.buffered(8).try_collect().await.expect("creates");
    let before = resident_memory(server.id());
    let mut watches = Vec::new();
    for (created, connection) in codes.into_iter().zip(connections.iter().cycle()) {
        let code = created.into_inner().registration_code.expect("a code").code;
        watches.push(open(connection.clone(), &code).await);
    }
    let grown = resident_memory(server.id()).saturating_sub(before);
    assert!(grown <= WATCHES * MOST, "each of {} watches took {} bytes", watches.len(), grown / WATCHES);
}
