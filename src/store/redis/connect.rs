//! Connections to nodes, as configured by the options.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
    aio::MultiplexedConnection,
    auth::{BasicAuth, StreamingCredentialsProvider},
};
use tokio::sync::mpsc;

use super::options::{Node, ReadPassword, RedisOptions};

/// The interval at which the password of open connections is read again.
const PASSWORD_INTERVAL: Duration = Duration::from_secs(10);

/// The engine's user if only a password is configured.
const DEFAULT_USER: &str = "default";

/// The push messages of a connection: signals from the engine, and disconnections from the library.
pub(super) type PushSender = mpsc::UnboundedSender<PushInfo>;

impl RedisOptions {
    /// Connects to a node.
    pub(super) async fn connect(
        &self,
        node: &Node,
        pushes: Option<PushSender>,
    ) -> RedisResult<MultiplexedConnection> {
        let info = self.connection_info(node)?;
        let client = match &self.tls {
            Some(_) => Client::build_with_tls(info, self.certificates())?,
            None => Client::open(info)?,
        };
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        if let Some(pushes) = pushes {
            config = config.set_push_sender(pushes);
        }
        if let Some(credentials) = self.credentials() {
            config = config.set_credentials_provider(credentials);
        }
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn connection_info(&self, node: &Node) -> RedisResult<ConnectionInfo> {
        let Node { host, port } = node.clone();
        let address = match self.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        };
        let settings = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(self.database)
            .set_lib_name("passbridge", env!("CARGO_PKG_VERSION"));
        Ok(address.into_connection_info()?.set_redis_settings(settings))
    }

    fn certificates(&self) -> TlsCertificates {
        let tls = self.tls.clone().unwrap_or_default();
        TlsCertificates {
            client_tls: tls
                .client
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: tls.ca,
        }
    }

    fn credentials(&self) -> Option<EngineCredentials> {
        let read = Arc::clone(self.password.as_ref()?);
        let username = self.username.clone().unwrap_or_else(|| DEFAULT_USER.to_owned());
        Some(EngineCredentials { username, read })
    }
}

/// The user and the password. The password is read again for each connection and periodically.
#[derive(Clone)]
struct EngineCredentials {
    username: String,
    read: Arc<ReadPassword>,
}

impl EngineCredentials {
    fn read(&self) -> RedisResult<BasicAuth> {
        let password = (self.read)().map_err(|reason| {
            RedisError::from((redis::ErrorKind::AuthenticationFailed, "store.password_file", reason))
        })?;
        Ok(BasicAuth::new(self.username.clone(), password.into_revealed()))
    }
}

impl StreamingCredentialsProvider for EngineCredentials {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        // Yields the current password, and then each change.
        let changes = stream::unfold((self.clone(), None::<String>), |(credentials, mut known)| async move {
            loop {
                if known.is_some() {
                    tokio::time::sleep(PASSWORD_INTERVAL).await;
                }
                match credentials.read() {
                    Ok(read) if known.as_deref() == Some(read.password()) => {}
                    Ok(read) => {
                        known = Some(read.password().to_owned());
                        return Some((Ok(read), (credentials, known)));
                    }
                    // The file may be missing for a moment while it is being replaced.
                    Err(_) if known.is_some() => {}
                    Err(error) => return Some((Err(error), (credentials, Some(String::new())))),
                }
            }
        });
        Box::pin(changes)
    }
}
