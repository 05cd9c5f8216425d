//! TLS on both faces, over real sockets.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use passbridge::config::{ClientCertificate, Tls};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    certificates::{Authority, Identity, Kind, TlsClient, VERSIONS, shown},
    http::{Answer, call},
    raw::RawChannel,
    request::create,
    test_server::TestServer,
};

/// How often the server checks its certificate files.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// A server with the same certificate on both faces, and the folder of the certificate.
fn server(identity: &Identity) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (server_with(identity.written_to(folder.path())), folder)
}

fn server_with(tls: Tls) -> TestServer {
    TestServer::configured(|config| {
        config.grpc.tls = tls.clone();
        config.rest.tls = tls;
    })
}

/// A server that accepts client certificates of an authority.
fn asking(authority: &Authority, ask: ClientCertificate) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("clients.pem");
    std::fs::write(&file, &authority.certificate).expect("written");
    let tls = authority.server().written_to(folder.path());
    (server_with(Tls { client_ca: Some(file), client_certificate: Some(ask), ..tls }), folder)
}

/// Returns whether a client gets a code over gRPC.
async fn grpc_serves(server: &TestServer, client: &TlsClient) -> bool {
    let Ok(stream) = client.clone().wanting("h2").connect(server.address()).await else { return false };
    let Ok(channel) = RawChannel::over(stream).await else { return false };
    channel.codes().create_registration_code(create()).await.is_ok()
}

/// The response of the REST face, if the client gets one.
async fn rest_answer(server: &TestServer, client: &TlsClient) -> Option<Answer> {
    let stream = client.clone().wanting("http/1.1").connect(server.rest_address()).await.ok()?;
    let call = call(server.rest_address(), "GET", "/reggie/v1/REF/regcode/BCDFGHJ.json");
    call.send_over(stream).await.ok()
}

#[tokio::test]
async fn both_faces_are_served_over_tls_1_2_and_1_3() {
    let authority = Authority::named("ours");
    let (server, _folder) = server(&authority.server());
    for version in VERSIONS {
        let client = authority.client().speaking(version);
        for (address, protocol) in [(server.address(), "h2"), (server.rest_address(), "http/1.1")] {
            let stream =
                client.clone().wanting(protocol).connect(address).await.expect("completes the handshake");
            let connection = stream.get_ref().1;
            assert_eq!(connection.protocol_version(), Some(version.version));
            assert_eq!(connection.alpn_protocol(), Some(protocol.as_bytes()));
        }
        assert!(grpc_serves(&server, &client).await, "{version:?}");
        let answer = rest_answer(&server, &client).await.expect("answers");
        assert_eq!(answer.status, 401, "{version:?}: {answer:?}");
    }
}

#[tokio::test]
async fn another_application_protocol_fails_in_the_handshake() {
    let authority = Authority::named("ours");
    let (server, _folder) = server(&authority.server());
    for (address, protocol) in [(server.address(), "http/1.1"), (server.rest_address(), "h2")] {
        let error = authority.client().wanting(protocol).connect(address).await.expect_err("is refused");
        assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    }
}

#[tokio::test]
async fn plain_text_on_a_tls_port_is_closed() {
    let authority = Authority::named("ours");
    let (server, _folder) = server(&authority.server());
    for address in [server.address(), server.rest_address()] {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: passbridge\r\n\r\n").await.expect("writes");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer).await {
            Ok(_) => assert!(!answer.starts_with(b"HTTP"), "{answer:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    assert!(grpc_serves(&server, &authority.client()).await);
}

#[tokio::test]
async fn a_required_client_certificate_is_enforced_on_both_faces() {
    let authority = Authority::named("ours");
    let (server, _folder) = asking(&authority, ClientCertificate::Required);
    for version in VERSIONS {
        let stranger = authority.client().speaking(version);
        assert!(!grpc_serves(&server, &stranger).await, "{version:?}");
        assert!(rest_answer(&server, &stranger).await.is_none(), "{version:?}");
        let known = stranger.showing(&authority.identity("tv.example.com", Kind::Right));
        assert!(grpc_serves(&server, &known).await, "{version:?}");
        let answer = rest_answer(&server, &known).await.expect("answers");
        assert_eq!(answer.status, 401, "a certificate only admits the connection: {answer:?}");
    }
}

#[tokio::test]
async fn an_optional_client_certificate_may_be_omitted() {
    let authority = Authority::named("ours");
    let (server, _folder) = asking(&authority, ClientCertificate::Optional);
    assert!(grpc_serves(&server, &authority.client()).await);
    assert!(rest_answer(&server, &authority.client()).await.is_some());
}

#[tokio::test]
async fn an_invalid_client_certificate_is_refused_even_if_optional() {
    let (authority, other) = (Authority::named("ours"), Authority::named("another"));
    for ask in [ClientCertificate::Optional, ClientCertificate::Required] {
        let (server, _folder) = asking(&authority, ask);
        let wrong = [
            authority.identity("tv.example.com", Kind::Expired),
            authority.identity("tv.example.com", Kind::NotValidYet),
            authority.identity("tv.example.com", Kind::SelfSigned),
            authority.identity("tv.example.com", Kind::ForServersOnly),
            other.identity("tv.example.com", Kind::Right),
        ];
        for (index, identity) in wrong.iter().enumerate() {
            for version in VERSIONS {
                let client = authority.client().speaking(version).showing(identity);
                assert!(!grpc_serves(&server, &client).await, "{ask:?} {index} {version:?}");
                assert!(rest_answer(&server, &client).await.is_none(), "{ask:?} {index} {version:?}");
            }
        }
        let right = authority.identity("tv.example.com", Kind::Right);
        assert!(grpc_serves(&server, &authority.client().showing(&right)).await);
    }
}

#[tokio::test]
async fn unfinished_handshakes_do_not_block_others() {
    let authority = Authority::named("ours");
    let folder = tempfile::tempdir().expect("a folder");
    let tls = authority.server().written_to(folder.path());
    let server = TestServer::configured(|config| {
        config.grpc.tls = tls.clone();
        config.grpc.max_connections = 40;
        config.rest.tls = tls;
        config.rest.max_connections = 40;
    });
    let mut silent = Vec::new();
    for address in [server.address(), server.rest_address()] {
        for index in 0..200 {
            let mut stream = TcpStream::connect(address).await.expect("connects");
            if index % 2 == 0 {
                // The start of a ClientHello.
                let _ = stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
            }
            silent.push(stream);
        }
    }
    assert!(grpc_serves(&server, &authority.client()).await);
    assert!(rest_answer(&server, &authority.client()).await.is_some());
}

/// Advances time until new connections get this certificate.
async fn until_shown(server: &TestServer, client: &TlsClient, address: SocketAddr, identity: &Identity) {
    loop {
        server.clock.advance(LOOK_INTERVAL);
        let stream = client.connect(address).await.expect("completes the handshake");
        if shown(&stream) == identity.der() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_changed_certificate_is_used_for_new_connections_while_old_ones_continue() {
    let authority = Authority::named("ours");
    let (server, folder) = server(&authority.server());
    let client = authority.client().wanting("h2");
    let stream = client.connect(server.address()).await.expect("completes the handshake");
    let mut codes = RawChannel::over(stream).await.expect("speaks HTTP/2").codes();
    codes.create_registration_code(create()).await.expect("creates");

    let next = authority.server();
    next.written_to(folder.path());
    until_shown(&server, &client, server.address(), &next).await;
    until_shown(&server, &authority.client(), server.rest_address(), &next).await;
    codes.create_registration_code(create()).await.expect("the open connection continues");
}

#[tokio::test]
async fn an_unusable_certificate_file_changes_nothing_until_it_is_fixed() {
    let authority = Authority::named("ours");
    let first = authority.server();
    let (server, folder) = server(&first);
    let next = authority.server();
    for broken in [
        Identity { key: first.key.clone(), ..next.clone() },
        Identity { certificate: String::new(), ..next.clone() },
        authority.identity("127.0.0.1", Kind::Expired),
        authority.identity("127.0.0.1", Kind::NotValidYet),
    ] {
        broken.written_to(folder.path());
        server.clock.advance(LOOK_INTERVAL);
        let stream = authority.client().connect(server.address()).await.expect("completes the handshake");
        assert_eq!(shown(&stream), first.der());
    }
    next.written_to(folder.path());
    until_shown(&server, &authority.client(), server.address(), &next).await;
}
