//! The configuration of an environment's upstream.

use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The origins of an environment's upstream, and the limits of calls to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamOptions {
    /// The origin of its API.
    pub url: Url,
    /// The origin of its API for resets.
    pub reset_url: Url,
    /// The redirect URI of the client registration.
    pub redirect_uri: String,
    /// Where a token request carries its parameters, including the client secret.
    pub token_parameters: TokenParameters,
    /// The timeout of a call.
    pub timeout: Duration,
    /// The maximum number of concurrent calls.
    pub connections: usize,
    /// Whether passbridge is one client of the provider, or one for each device.
    pub client: UpstreamClient,
}

/// Whether passbridge is one client of the provider, or one for each device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamClient {
    /// One client for all devices.
    #[default]
    Shared,
    /// One client for each device, which is registered when the device first requests a code, and never deleted.
    PerDevice,
}

/// Where a request for an access token carries its parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenParameters {
    /// In the form only, so that access logs do not show the client secret.
    #[default]
    Form,
    /// In the form and also in the query, as the provider's OpenAPI file requires.
    FormAndQuery,
}
