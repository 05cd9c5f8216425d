//! A server that requests client certificates, and connections with and without one.

use passbridge::config::{Config, Tls};
use tempfile::TempDir;

use crate::support::{
    certificates::{Authority, Identity, Kind, TlsClient},
    raw::RawChannel,
    test_server::TestServer,
};

/// The server, and the CA of its own and its clients' certificates.
pub struct TlsServer {
    pub server: TestServer,
    authority: Authority,
    _folder: TempDir,
}

impl TlsServer {
    /// Starts a server with the default configuration, TLS and this `change`.
    pub fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let (authority, folder) = (Authority::named("ours"), tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, &authority.certificate).expect("written");
        let tls = Tls { client_ca: Some(file), ..authority.server().written_to(folder.path()) };
        let server = TestServer::configured(|config| {
            config.grpc.tls = tls.clone();
            config.rest.tls = tls;
            change(config);
        });
        Self { server, authority, _folder: folder }
    }

    /// A certificate with these names.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.authority.identity_named(names, Kind::Right)
    }

    /// A client without a certificate.
    pub fn client(&self) -> TlsClient {
        self.authority.client()
    }

    /// A gRPC connection of a client whose certificate has these names.
    pub async fn certified(&self, names: &[&str]) -> RawChannel {
        self.channel(self.client().showing(&self.identity(names))).await
    }

    /// A gRPC connection of a client without a certificate.
    pub async fn uncertified(&self) -> RawChannel {
        self.channel(self.client()).await
    }

    async fn channel(&self, client: TlsClient) -> RawChannel {
        let stream =
            client.wanting("h2").connect(self.server.address()).await.expect("completes the handshake");
        RawChannel::over(stream).await.expect("speaks HTTP/2")
    }
}
