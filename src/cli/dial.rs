//! Shared code of the commands that call a server over the network.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use http::HeaderValue;
use tokio_rustls::rustls::ClientConfig;

use crate::{
    domain::secret::SecretText,
    tls::{ClientTlsError, ServerTrust, client_config},
};

/// Options for connecting to a server and authenticating to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct DialArgs {
    #[command(flatten)]
    pub tls: DialTls,
    /// File with the bearer token to send (`authorization: Bearer`). Surrounding white space is ignored.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The TLS options among them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct DialTls {
    /// PEM file with the CAs that the server's certificate must chain to. Default: the system's CAs; for the local
    /// server, the certificate named in its configuration.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file with the client certificate.
    #[arg(long, value_name = "FILE", requires = "cert_key")]
    cert: Option<PathBuf>,
    /// PEM file with the client certificate's private key.
    #[arg(long = "key", value_name = "FILE", requires = "cert")]
    cert_key: Option<PathBuf>,
}

impl DialTls {
    /// The TLS client configuration for the server whose certificate is the file `local`, or for any other server.
    ///
    /// # Errors
    /// If a file is unusable. The message names its option.
    pub(super) fn config(&self, local: Option<&Path>) -> Result<ClientConfig, Box<dyn Error>> {
        let authorities = self.ca.as_deref().map(|file| read("--ca", file)).transpose()?;
        let itself = local.map(|file| read("tls.certificate", file)).transpose()?;
        let trust = match (&authorities, &itself) {
            (Some(bundle), _) => ServerTrust::Authorities(bundle),
            (None, Some(chain)) => ServerTrust::Itself(chain),
            (None, None) => ServerTrust::System,
        };
        let certificate = self.cert.as_deref().map(|file| read("--cert", file)).transpose()?;
        let key = self.cert_key.as_deref().map(|file| read("--key", file)).transpose()?;
        let shown = certificate.as_deref().zip(key.as_deref());
        client_config(trust, shown).map_err(|error| match (error, &self.ca) {
            (ClientTlsError::Trust(text), Some(file)) => wrong("--ca", file, &text).into(),
            (ClientTlsError::Trust(text), None) => {
                format!("the system's CAs: {text}; pass --ca to use others").into()
            }
            (ClientTlsError::Certificate(text), _) => {
                wrong_option("--cert", self.cert.as_deref(), &text).into()
            }
            (ClientTlsError::Key(text), _) => wrong_option("--key", self.cert_key.as_deref(), &text).into(),
        })
    }

    /// Rejects TLS options for a plain-text URL.
    ///
    /// # Errors
    /// If one of the options is given.
    pub(super) fn must_be_unused(&self, url: &str) -> Result<(), Box<dyn Error>> {
        let given = [("--ca", &self.ca), ("--cert", &self.cert), ("--key", &self.cert_key)];
        match given.into_iter().find(|(_, file)| file.is_some()) {
            Some((option, _)) => {
                Err(format!("{option}: has no effect on {url}, which is plain text; use an https:// URL")
                    .into())
            }
            None => Ok(()),
        }
    }
}

impl DialArgs {
    /// The value of the `authorization` header, if a token file is given.
    ///
    /// # Errors
    /// If the file is unreadable or contains no token.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, Box<dyn Error>> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let token = SecretText::from(read("--token-file", file)?);
        let token = token.reveal().trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(wrong("--token-file", file, "contains no token; expected one word").into());
        }
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| {
            wrong("--token-file", file, "contains characters that are not allowed in a token")
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn read(option: &str, file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| wrong(option, file, &format!("cannot be read: {error}")))
}

fn wrong(option: &str, file: &Path, text: &str) -> String {
    format!("{option}: {} {text}", file.display())
}

fn wrong_option(option: &str, file: Option<&Path>, text: &str) -> String {
    wrong(option, file.unwrap_or(Path::new("")), text)
}
