//! TLS handshakes that are never finished.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{
    support::{
        certificates::{Authority, TlsClient},
        http::call,
        raw::RawChannel,
        request::create,
        server_process::{Program, until},
    },
    target::Target,
};

/// As many handshakes as a listener has in progress at once.
const HALF_OPEN: usize = 1_000;

/// The start of a handshake's first record (RFC 8446, section 5.1).
const BEGINNING: &[u8] = &[22, 3, 1, 2, 0];

/// A server with TLS on both faces.
fn target(authority: &Authority) -> Target {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = authority.server().written_to(folder.path());
    let path = |path: Option<std::path::PathBuf>| path.expect("present").to_str().expect("UTF-8").to_owned();
    let (certificate, key) = (path(tls.certificate), path(tls.key));
    let with_tls = |program: Program| {
        ["GRPC", "REST"].into_iter().fold(program, |program, face| {
            program
                .env(&format!("PASSBRIDGE_{face}__TLS__CERTIFICATE"), &certificate)
                .env(&format!("PASSBRIDGE_{face}__TLS__KEY"), &key)
        })
    };
    Target::without_token(with_tls)
}

fn half_open(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.write_all(BEGINNING).expect("accepted");
    stream
}

async fn assert_both_faces_serve(target: &Target, client: &TlsClient) {
    let stream = client.clone().wanting("h2").connect(target.grpc).await.expect("completes the handshake");
    let channel = RawChannel::over(stream).await.expect("speaks HTTP/2");
    channel.codes().create_registration_code(create()).await.expect("creates");
    let stream =
        client.clone().wanting("http/1.1").connect(target.rest).await.expect("completes the handshake");
    let read = call(target.rest, "GET", "/reggie/v1/REF/regcode/BCDFGHJ.json").send_over(stream).await;
    read.expect("answers").error(401);
}

#[tokio::test]
async fn a_thousand_unfinished_handshakes_do_not_block_others() {
    let authority = Authority::named("ours");
    let target = target(&authority);
    let client = authority.client();
    assert_both_faces_serve(&target, &client).await;
    let held: Vec<_> = [target.grpc, target.rest]
        .into_iter()
        .flat_map(|address| (0..HALF_OPEN).map(move |_| half_open(address)))
        .collect();
    until("the server has accepted all handshakes", async || target.connections() >= 2 * HALF_OPEN as u64)
        .await;
    assert_both_faces_serve(&target, &client).await;
    target.wait_for_connections(1).await;
    for mut stream in held {
        // An error also means that the connection is closed.
        assert!(!stream.read(&mut [0]).is_ok_and(|length| length > 0));
    }
}
