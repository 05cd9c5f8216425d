//! The connection to a server's gRPC face.

use std::{error::Error, net::Ipv4Addr, time::Duration};

use tonic::transport::{Channel, Endpoint};

use crate::{config::Config, proto::v1::temp_pass_service_client::TempPassServiceClient};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of the server at `url`; the local one's where there is none.
pub(super) async fn connect(
    config: &Config,
    url: Option<String>,
) -> Result<TempPassServiceClient<Channel>, Box<dyn Error>> {
    let url = url.unwrap_or_else(|| {
        let mut address = config.grpc.listen;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    });
    let endpoint = Endpoint::from_shared(url.clone())
        .map_err(|error| format!("--url: {url} is no URL: {error}"))?
        .connect_timeout(CONNECT_TIMEOUT);
    let channel =
        endpoint.connect().await.map_err(|error| format!("{url} cannot be reached: {}", cause(&error)))?;
    Ok(TempPassServiceClient::new(channel))
}

/// What is at the bottom of an error.
fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
