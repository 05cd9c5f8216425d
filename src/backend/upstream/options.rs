//! What an environment's configuration says of its upstream.

use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an environment's upstream is, and how it may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamOptions {
    /// The origin of its API.
    pub url: Url,
    /// The origin of its API for resets.
    pub reset_url: Url,
    /// The redirect URI to register with.
    pub redirect_uri: String,
    /// Where a request for a token has its parameters, the client secret among them.
    pub token_parameters: TokenParameters,
    /// How long one call may take.
    pub timeout: Duration,
    /// How many calls may be under way at once.
    pub connections: usize,
    /// As how many clients passbridge calls.
    pub client: UpstreamClient,
}

/// As how many clients of the provider's passbridge calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamClient {
    /// As one, for all devices.
    #[default]
    Shared,
    /// As one for each device, which is registered when the device first asks for a code, and kept for good.
    PerDevice,
}

/// Where a request for an access token has its parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenParameters {
    /// In the form alone, where access logs do not show the client secret.
    #[default]
    Form,
    /// In the form and once more in the query, as the provider's OpenAPI file demands.
    FormAndQuery,
}
