//! Fetches the key set of a JWT issuer from its URL.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CACHE_CONTROL},
};
use reqwest::{Certificate, Client, Url};

use crate::{
    auth::key_set::KeySet,
    config::KeySetLocation,
    error_chain::ErrorChain,
    outbound,
    service::authentication::{KeySource, ServedKeys},
};

/// The timeout of a fetch.
const TIME_MAX: Duration = Duration::from_secs(5);

/// The maximum size of a key set, in bytes.
const SIZE_MAX: usize = 256 * 1024;

/// The URL of a key set, and how to fetch it.
pub(crate) struct JwksClient {
    client: Client,
    url: Url,
    token_file: Option<PathBuf>,
}

impl JwksClient {
    /// A client that trusts the given CA certificates (if none, those that the machine trusts), and sends the
    /// token that is in the file at the time of a fetch.
    ///
    /// # Errors
    /// If the certificates are invalid, or the client cannot be set up.
    pub(crate) fn new(KeySetLocation { url, ca, token_file }: KeySetLocation) -> Result<Self, String> {
        let describe = |error: reqwest::Error| ErrorChain(&error).to_string();
        let ca = ca.map(|pem| Certificate::from_pem_bundle(pem.as_bytes())).transpose().map_err(describe)?;
        let client = outbound::client_for(&[&url]).timeout(TIME_MAX);
        let client = match ca {
            Some(ca) => client.tls_certs_only(ca),
            None => client,
        };
        let client = client.build().map_err(describe)?;
        Ok(Self { client, url, token_file })
    }
}

#[async_trait]
impl KeySource for JwksClient {
    async fn read(&self) -> Result<ServedKeys, String> {
        let mut request =
            self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        if let Some(file) = &self.token_file {
            // Read for each fetch, because the token is rotated.
            let token = fs::read_to_string(file);
            let token = token.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            let token = token.trim();
            if token.is_empty() || !token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(format!("{} contains no token: it must be one line of ASCII", file.display()));
            }
            request = request.bearer_auth(token);
        }
        let url = &self.url;
        let mut response = request.send().await.map_err(|error| ErrorChain(&error).to_string())?;
        match response.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(format!(
                    "{url} responded with {status}; it requires a token, or another one (jwks_token_file)"
                ));
            }
            status => return Err(format!("{url} responded with {status}")),
        }
        let max_age = max_age(response.headers());
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| ErrorChain(&error).to_string())? {
            if text.len() + chunk.len() > SIZE_MAX {
                return Err(format!("the response of {url} has more than {SIZE_MAX} bytes"));
            }
            text.extend_from_slice(&chunk);
        }
        let set = KeySet::parse(&text).map_err(|problem| format!("the response of {url} {problem}"))?;
        Ok(ServedKeys { set, max_age })
    }
}

/// The cache lifetime of a response (RFC 9111, section 5.2.2.1).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(CACHE_CONTROL)?.to_str().ok()?.split(',');
    let seconds = directives.filter_map(|directive| directive.trim().strip_prefix("max-age=")).next()?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
