//! `[environments.NAME]`

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;
use crate::{
    backend::upstream::{TokenParameters, UpstreamClient},
    domain::temp_pass::RETENTION_DEFAULT,
};

/// An environment. A code exists only in its own environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EnvironmentConfig {
    /// The backend that issues the codes and stores the trials of this environment.
    pub backend: BackendKind,
    /// Who registers REST clients and issues their access tokens. If not set: `own` with the local backend,
    /// `relay` with an upstream.
    pub registration: Option<ClientRegistrationMode>,
    /// The hosts that select this environment for a REST call, with or without a port. A call to any other
    /// host selects the default environment: the one named `default`, or the only one. Without a default
    /// environment, such a call is refused.
    pub hosts: Vec<String>,
    /// The origin of the provider's REST API, such as `https://api.example.com`. Required if the `backend` of
    /// the environment or of one of its requestors is `v1` or `v2`.
    pub url: Option<String>,
    /// The origin of the provider's reset API. If not set: `url`.
    pub reset_url: Option<String>,
    /// The origin that receives, unchanged, REST calls to all paths that passbridge does not serve, such as
    /// `https://api.example.com`. Set it to the provider's origin if devices also call its `/api/v1`. If not
    /// set, such calls get 404. With v1, `/api/v1` and `/adobe-services/config` go to `url` if this key is
    /// not set; with v2 these two paths are never passed through.
    pub passthrough: Option<String>,
    /// Whether the web pages on which viewers type codes may call without an access token, to read a code and
    /// to log in with it. If not set: `open` with an upstream, as at the provider; `token` with the local
    /// backend.
    pub second_screen: Option<SecondScreen>,
    /// A file with the software statement with which passbridge registers at the provider. Required if `url`
    /// is set. Read at startup and on reload.
    pub software_statement_file: Option<PathBuf>,
    /// The redirect URI with which passbridge registers at the provider. The software statement must allow
    /// it.
    pub redirect_uri: String,
    /// Where passbridge sends the parameters of its access token requests. One of the parameters is the
    /// client secret.
    pub token_parameters: TokenParameters,
    /// Whether all devices share one client of the provider, or each device has its own. A login belongs to
    /// the client that it was made with. After a change to `shared`, every viewer has to log in again. After
    /// a change to `per_device`, a logged-in device stays logged in until it requests another code. v2 only.
    pub upstream_client: UpstreamClient,
    /// The timeout of one call to the provider: 1 ms to 1 hour.
    pub upstream_timeout: HumanDuration,
    /// The maximum number of concurrent calls to the provider: 1 to 10000. Up to 16 times as many can wait;
    /// further calls are refused.
    pub upstream_connections: usize,
    /// How long passbridge caches the provider's answer about a device's login. Devices poll every second,
    /// and the provider accepts one call per second from each address. v2 only.
    pub profile_cache: ProfileCacheConfig,
    /// The requestors, by id. If any are listed, only those are valid; otherwise any well-formed id is valid.
    pub requestors: BTreeMap<String, RequestorConfig>,
}

impl Default for EnvironmentConfig {
    fn default() -> Self {
        Self {
            backend: BackendKind::Local,
            registration: None,
            hosts: Vec::new(),
            url: None,
            reset_url: None,
            passthrough: None,
            second_screen: None,
            software_statement_file: None,
            redirect_uri: "passbridge://client".to_owned(),
            token_parameters: TokenParameters::Form,
            upstream_client: UpstreamClient::Shared,
            upstream_timeout: HumanDuration::from_secs(10),
            upstream_connections: 64,
            profile_cache: ProfileCacheConfig::default(),
            requestors: BTreeMap::new(),
        }
    }
}

/// How long the provider's answer about a device's login is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProfileCacheConfig {
    /// How long the answer "not logged in" is cached while a viewer is on an operator's login page: 0 to 30
    /// seconds. Otherwise the provider is called at most once every 30 seconds.
    pub negative: HumanDuration,
    /// How long the answer "logged in" is cached: 0 to 10 minutes. A logout through passbridge takes effect
    /// immediately.
    pub positive: HumanDuration,
}

impl Default for ProfileCacheConfig {
    fn default() -> Self {
        Self { negative: HumanDuration::from_secs(4), positive: HumanDuration::from_secs(60) }
    }
}

/// The backend that issues codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// passbridge itself, with its own store.
    #[default]
    Local,
    /// Version 1 of the provider's REST API.
    V1,
    /// Version 2 of the provider's REST API.
    V2,
}

/// Who registers REST clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientRegistrationMode {
    /// passbridge itself. It verifies software statements, and issues its own client ids and access tokens.
    Own,
    /// The provider. passbridge forwards client calls to `/o/client`. It uses a client's own token upstream
    /// if the upstream has the client's API version; otherwise it accepts only tokens that were issued
    /// through it.
    Relay,
}

/// Whether the web pages on which viewers type codes may call without an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondScreen {
    /// No token is required, because a browser cannot keep one secret. Anyone who knows a code can read it;
    /// the failed-lookup budgets limit guessing.
    Open,
    /// An access token is required, as for any other call.
    Token,
}

/// A requestor: a channel that requests codes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RequestorConfig {
    /// The backend that issues the codes and stores the trials of this requestor. If not set: the
    /// environment's.
    pub backend: Option<BackendKind>,
    /// How passbridge identifies the user of a promotional TempPass to v2, if the caller sends the identifier
    /// itself.
    pub temp_pass_identity: TempPassIdentity,
    /// The page on which viewers type the code, as a URI template (RFC 6570) with the variable `code`, such
    /// as `https://example.com/activate{?code}`. Responses then contain `verification_uri`, without the code,
    /// and `verification_uri_complete`, with the code.
    pub verification_uri: Option<String>,
    /// The domain that a login starts from if the call names none, or one that the provider refuses. The
    /// provider must have registered it for the requestor. v2 only.
    pub domain_name: Option<String>,
    /// The absolute URL that the viewer's browser returns to after a logout at the operator. If not set: the
    /// provider's own page. v2 only.
    pub logout_redirect_url: Option<String>,
    /// The device information that passbridge sends to the provider for a device that sends none: base64 of
    /// JSON, as devices send it in `X-Device-Info`. v2 only.
    pub default_device_info: Option<String>,
    /// Whether errors of `/api/v1` have the provider's detailed error codes. Set it for requestors for which
    /// the provider has enabled them. v2 only.
    pub enhanced_errors: bool,
    /// The TempPasses, by MVPD id. In an environment without configured requestors, each requestor has the
    /// samples `TempPass` (basic, 4 hours) and `TempPassREF` (promotional, 24 hours, 5 resources).
    pub temp_passes: BTreeMap<String, TempPassConfig>,
}

/// How passbridge identifies the user of a promotional TempPass to v2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TempPassIdentity {
    /// By a digest. The identifier stays within passbridge.
    #[default]
    Digest,
    /// By the identifier itself. Use it only if the provider requires it.
    Clear,
}

/// A TempPass: a free trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TempPassConfig {
    /// What a trial is bound to, and how it is limited.
    pub kind: TempPassKind,
    /// The duration of a trial, from its first authorization: 1 s to 10 years.
    pub ttl: HumanDuration,
    /// How many distinct resources a promotional trial can use: 1 to 1000. Required for a promotional
    /// TempPass, and not allowed for a basic one.
    pub max_resources: Option<u32>,
    /// How long an expired trial is kept, unless it is reset: at most 10 years. While it is kept, further
    /// authorizations are denied; after that, the device or user can start a new trial.
    pub retention: HumanDuration,
}

impl Default for TempPassConfig {
    fn default() -> Self {
        Self {
            kind: TempPassKind::Basic,
            ttl: HumanDuration::from_secs(4 * 60 * 60),
            max_resources: None,
            retention: HumanDuration(RETENTION_DEFAULT),
        }
    }
}

/// What trials are bound to, and how they are limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TempPassKind {
    /// Bound to a device, limited in time.
    #[default]
    Basic,
    /// Bound to a device and a user, limited in time and in distinct resources.
    Promotional,
}
