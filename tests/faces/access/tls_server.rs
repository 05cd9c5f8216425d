//! A server that asks clients for certificates, and the connections of those that have one.

use passbridge::config::{Config, Tls};
use tempfile::TempDir;

use crate::support::{
    certificates::{Authority, Identity, Kind, TlsClient},
    raw::RawChannel,
    test_server::TestServer,
};

/// The server, and the CA of its certificate and its clients'.
pub struct TlsServer {
    pub server: TestServer,
    authority: Authority,
    _folder: TempDir,
}

impl TlsServer {
    /// A server whose configuration is the default but for TLS, and for what `change` does.
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

    /// A connection of gRPC whose client has a certificate with these names.
    pub async fn certified(&self, names: &[&str]) -> RawChannel {
        self.channel(self.client().showing(&self.identity(names))).await
    }

    /// A connection of gRPC whose client has none.
    pub async fn uncertified(&self) -> RawChannel {
        self.channel(self.client()).await
    }

    async fn channel(&self, client: TlsClient) -> RawChannel {
        let stream = client.wanting("h2").connect(self.server.address()).await.expect("shakes hands");
        RawChannel::over(stream).await.expect("speaks HTTP/2")
    }
}
