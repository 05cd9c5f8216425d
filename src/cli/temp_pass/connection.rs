//! Connects to a server's gRPC face.

use std::{error::Error, net::Ipv4Addr, sync::Arc, time::Duration};

use http::{HeaderValue, Uri, header::AUTHORIZATION};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::{
    Request, Status,
    metadata::MetadataMap,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{
    cli::dial::DialArgs,
    config::{Config, TlsMode},
    error_chain::ErrorChain,
    outbound::is_loopback_host,
    proto::v1::temp_pass_service_client::TempPassServiceClient,
    tls::ALPN_GRPC,
};

/// The connect timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The default port of an https URL.
const HTTPS_PORT: u16 = 443;

/// A client that sends the given token with each call.
pub(super) type TempPassClient = TempPassServiceClient<InterceptedService<Channel, BearerTokenInterceptor>>;

/// Adds the token, if there is one, to each call.
#[derive(Clone)]
pub(super) struct BearerTokenInterceptor(Option<HeaderValue>);

impl Interceptor for BearerTokenInterceptor {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(value) = &self.0 else { return Ok(request) };
        let (metadata, extensions, message) = request.into_parts();
        let mut headers = metadata.into_headers();
        headers.insert(AUTHORIZATION, value.clone());
        Ok(Request::from_parts(MetadataMap::from_headers(headers), extensions, message))
    }
}

/// Connects to the server at `url`, or to the local server if `url` is `None`.
pub(super) async fn connect(
    config: &Config,
    url: Option<String>,
    dial: &DialArgs,
) -> Result<TempPassClient, Box<dyn Error>> {
    let is_local = url.is_none();
    let url = url.unwrap_or_else(|| local_url(config));
    let uri = url.parse::<Uri>().map_err(|error| format!("--url: {url} is not a valid URL: {error}"))?;
    let authorization = dial.authorization()?;
    let is_secure = uri.scheme_str() == Some("https");
    let own = config.grpc.tls.certificate.as_deref().filter(|_| is_local);
    let channel = if is_secure {
        over_tls(&uri, dial.tls.config(own)?).await
    } else {
        dial.tls.must_be_unused(&url)?;
        if authorization.is_some() && !uri.host().is_some_and(is_loopback_host) {
            return Err(format!(
                "--token-file: {url} is plain text and would expose the token; use an https:// URL"
            )
            .into());
        }
        let endpoint = Endpoint::from_shared(url.clone())
            .map_err(|error| format!("--url: {url} is not a valid URL: {error}"))?;
        endpoint.connect_timeout(CONNECT_TIMEOUT).connect().await.map_err(Into::into)
    };
    let channel = channel.map_err(|error| format!("cannot connect to {url}: {}", ErrorChain(&*error)))?;
    Ok(TempPassServiceClient::with_interceptor(channel, BearerTokenInterceptor(authorization)))
}

fn local_url(config: &Config) -> String {
    let mut address = config.grpc.listen;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let scheme = if config.grpc.tls.mode() == TlsMode::On { "https" } else { "http" };
    format!("{scheme}://{address}")
}

async fn over_tls(uri: &Uri, mut tls: ClientConfig) -> Result<Channel, Box<dyn Error>> {
    tls.alpn_protocols = vec![ALPN_GRPC.to_vec()];
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host.clone())
        .map_err(|_| format!("--url: {host:?} is not a valid TLS server name"))?;
    let port = uri.port_u16().unwrap_or(HTTPS_PORT);
    let connector = TlsConnector::from(Arc::new(tls));
    let connect = tower::service_fn(move |_: Uri| {
        let (connector, host, name) = (connector.clone(), host.clone(), name.clone());
        async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            let stream: TlsStream<TcpStream> = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    // The connector does the TLS handshake. The channel itself treats the stream as plain text; only the origin is
    // https.
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let endpoint = Endpoint::from_shared(format!("http://{authority}"))?.origin(uri.clone());
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).connect_with_connector(connect).await?)
}
