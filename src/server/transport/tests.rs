//! TLS handshakes over real sockets.

use std::net::SocketAddr;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::*;
use crate::{
    domain::{clock::SystemClock, credential::Credential, subject_alt_name::SubjectAltName},
    telemetry::StoreReadings,
    tls::{ALPN_REST, ServerTls, ServerTrust, client_config},
};

/// A self-signed certificate that is its own CA, and its key.
fn identity() -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "ours");
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("signs").pem(), key.serialize_pem())
}

fn listener_with(tls: &ServerTls) -> Transport {
    listener_timed(tls, Duration::from_secs(10))
}

fn listener_timed(tls: &ServerTls, write_timeout: Duration) -> Transport {
    let clock: SharedClock = Arc::new(SystemClock);
    let config = tls.for_connections(ALPN_REST, Arc::clone(&clock)).expect("is supported");
    Transport::new("rest", Arc::new(Some(Arc::new(config)).into()), 10, write_timeout, clock)
}

fn metrics() -> Metrics {
    Metrics::new(|| std::future::ready(StoreReadings::default()))
}

/// A client's socket, and the server's end of it.
async fn connected() -> (TcpStream, std::net::TcpStream, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connects");
    let (server, address) = listener.accept().await.expect("accepts");
    (client, server.into_std().expect("a socket"), address)
}

#[tokio::test]
async fn a_connection_has_the_names_of_the_client_certificate() {
    let (certificate, key) = identity();
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (ca_key, client_key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let ca = params.self_signed(&ca_key).expect("signs").pem();
    let own = CertificateParams::new(vec!["tv.example.com".to_owned()]).expect("a name");
    let own = own.signed_by(&client_key, &Issuer::new(params, ca_key)).expect("signs");
    let tls = ServerTls::new(&certificate, &key).expect("the key matches");
    let listener = listener_with(&tls.with_client_ca(&ca, false).expect("valid"));
    let (own_pem, own_key) = (own.pem(), client_key.serialize_pem());
    for shown in [None, Some((own_pem.as_str(), own_key.as_str()))] {
        let (client, server, address) = connected().await;
        let config = client_config(ServerTrust::Itself(&certificate), shown).expect("valid");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let (metrics, drain) = (metrics(), CancellationToken::new());
        let (opened, stream) =
            tokio::join!(listener.open(server, address, &metrics, &drain), connector.connect(name, client));
        let (_, peer) = opened.expect("the handshake succeeds");
        stream.expect("the handshake succeeds");
        let name = SubjectAltName::Dns("tv.example.com".into());
        let expected = shown.map(|_| Credential::Certificate([name].into()));
        assert_eq!((peer.address, peer.credential.as_deref()), (address, expected.as_ref()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_times_out_is_counted() {
    let (certificate, key) = identity();
    let listener = listener_with(&ServerTls::new(&certificate, &key).expect("the key matches"));
    let (mut client, server, address) = connected().await;
    client.write_all(&[0x16, 0x03, 0x01]).await.expect("writes");
    let (metrics, drain) = (metrics(), CancellationToken::new());
    assert!(listener.open(server, address, &metrics, &drain).await.is_none());
    let _ = client.read(&mut [0; 16]).await;
    let count = "passbridge_tls_handshakes_total{listener=\"rest\",result=\"timeout\"} 1";
    let metrics = metrics.render().await;
    assert!(metrics.contains(count), "{metrics}");
}

#[tokio::test]
async fn a_handshake_does_not_delay_the_drain() {
    let (certificate, key) = identity();
    let listener = listener_with(&ServerTls::new(&certificate, &key).expect("the key matches"));
    let (_client, server, address) = connected().await;
    let (metrics, drain) = (metrics(), CancellationToken::new());
    drain.cancel();
    assert!(listener.open(server, address, &metrics, &drain).await.is_none());
}

#[tokio::test]
async fn sessions_are_resumed_only_without_client_certificates() {
    let (certificate, key) = identity();
    let without = ServerTls::new(&certificate, &key).expect("the key matches");
    let asking = without.clone().with_client_ca(&certificate, false).expect("valid");
    for (tls, resumed) in [(without, true), (asking, false)] {
        let listener = listener_with(&tls);
        let config = Arc::new(client_config(ServerTrust::Itself(&certificate), None).expect("valid"));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (client, server, address) = connected().await;
            let name = ServerName::try_from("localhost").expect("a name");
            let connector = TlsConnector::from(Arc::clone(&config));
            let (metrics, drain) = (metrics(), CancellationToken::new());
            let (opened, stream) = tokio::join!(
                listener.open(server, address, &metrics, &drain),
                connector.connect(name, client)
            );
            let (mut opened, mut stream) =
                (opened.expect("the handshake succeeds").0, stream.expect("the handshake succeeds"));
            // Session tickets arrive with the first byte after the handshake.
            opened.write_all(b"x").await.expect("writes");
            opened.flush().await.expect("writes");
            stream.read_exact(&mut [0; 1]).await.expect("reads");
            kinds.push(stream.get_ref().1.handshake_kind());
        }
        let again = tokio_rustls::rustls::HandshakeKind::Resumed;
        assert_eq!(kinds.pop() == Some(Some(again)), resumed);
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_times_out_over_tls_too() {
    let (certificate, key) = identity();
    let tls = ServerTls::new(&certificate, &key).expect("the key matches");
    let listener = listener_timed(&tls, Duration::from_millis(100));
    let config = Arc::new(client_config(ServerTrust::Itself(&certificate), None).expect("valid"));
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(config);
    let (client, server, address) = connected().await;
    let (metrics, drain) = (metrics(), CancellationToken::new());
    let (opened, stream) =
        tokio::join!(listener.open(server, address, &metrics, &drain), connector.connect(name, client));
    let (mut opened, mut stream) =
        (opened.expect("the handshake succeeds").0, stream.expect("the handshake succeeds"));
    let much = vec![0; 64 * 1024 * 1024];
    let error = opened.write_all(&much).await.expect_err("the client takes nothing");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    // The data is discarded: the connection is reset rather than closed.
    drop(opened);
    let error = stream.read_to_end(&mut Vec::new()).await.expect_err("is cut");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
