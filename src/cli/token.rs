//! `passbridge token`: gets an access token for a first call, with the two calls that a device makes.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde_json::json;

use super::{
    dial::DialTls,
    operate::operate,
    statement::{ApplicationArgs, mint},
};
use crate::{
    config::{Config, TlsMode},
    domain::{device_info::DeviceInfo, secret::SecretText},
    outbound::client_for,
};

/// The timeout of each of the two calls.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Base URL of the REST face, such as `https://api.example.com`. Default: the local server.
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// File with the software statement to register with. Default: a new statement from the local server.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["requestors", "environments", "permissions"])]
    statement: Option<PathBuf>,
    /// Requestor that the token is valid for. Repeat for several. Default: all.
    #[arg(long = "requestor", value_name = "ID")]
    requestors: Vec<String>,
    #[command(flatten)]
    application: ApplicationArgs,
    #[command(flatten)]
    tls: DialTls,
}

#[derive(Deserialize)]
struct RegisterReply {
    client_id: String,
    client_secret: SecretText,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: SecretText,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: String,
    #[serde(default)]
    error_description: String,
}

pub(super) fn run(token: TokenArgs, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    println!("{}", operate(file, |config| fetch(config, token))?);
    Ok(())
}

async fn fetch(config: Config, token: TokenArgs) -> Result<String, Box<dyn Error>> {
    let TokenArgs { url, statement, requestors, application, tls } = token;
    let host = application.host(&config).filter(|_| url.is_none());
    let statement = match statement {
        Some(file) => fs::read_to_string(&file)
            .map_err(|error| format!("--statement: {} cannot be read: {error}", file.display()))?,
        None => mint(&config, application.for_requestors(requestors)).await?,
    };
    let is_local = url.is_none();
    let url = url.map_or_else(|| local_url(&config), Ok)?;
    let device = DeviceInfo {
        model: Some("passbridge token".to_owned()),
        os_name: Some("Linux".to_owned()),
        ..DeviceInfo::default()
    };
    let client = client_for(&[&url]).timeout(TIMEOUT);
    // The request to the local server carries secrets, possibly in plain text, on any address of this machine: bypass
    // proxies.
    let client = if is_local { client.no_proxy() } else { client };
    let client = if url.scheme() == "https" {
        let own = config.rest.tls.certificate.as_deref().filter(|_| is_local);
        client.tls_backend_preconfigured(tls.config(own)?)
    } else {
        tls.must_be_unused(url.as_str())?;
        client
    };
    let client = client.build()?;
    let call = |path: &str| {
        let url = format!("{}{path}", url.as_str().trim_end_matches('/'));
        let call =
            client.post(url).header("X-Device-Info", device.encode()).header("Accept", "application/json");
        match &host {
            Some(host) => call.header("Host", host),
            None => call,
        }
    };
    let registration =
        json!({ "software_statement": statement.trim(), "redirect_uri": "passbridge://token" });
    let registered: RegisterReply = send(call("/o/client/register").json(&registration)).await?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &registered.client_id),
        ("client_secret", registered.client_secret.reveal()),
    ];
    let issued: TokenReply = send(call("/o/client/token").form(&form)).await?;
    Ok(issued.access_token.into_revealed())
}

async fn send<T: for<'de> Deserialize<'de>>(request: RequestBuilder) -> Result<T, Box<dyn Error>> {
    let (client, request) = request.build_split();
    let request = request?;
    let url = request.url().clone();
    let response = client.execute(request).await?;
    let (status, body) = (response.status(), response.bytes().await?);
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|error| format!("{url} returned {status} with an unexpected body: {error}").into());
    }
    let detail = serde_json::from_slice::<ErrorReply>(&body).map(|refused| {
        let ErrorReply { error, error_description } = refused;
        format!(": {error}, {error_description}")
    });
    Err(format!("{url} returned {status}{}", detail.unwrap_or_default()).into())
}

/// The URL of the local server's REST face, as seen from this machine.
fn local_url(config: &Config) -> Result<Url, Box<dyn Error>> {
    let mut address = config.rest.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let scheme = if config.rest.tls.mode() == TlsMode::On { "https" } else { "http" };
    Ok(Url::parse(&format!("{scheme}://{address}"))?)
}
