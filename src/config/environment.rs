//! `[environments.NAME]`

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;
use crate::{
    backend::upstream::{TokenParameters, UpstreamClient},
    domain::temp_pass::RETENTION_DEFAULT,
};

/// An environment. Its codes do not exist in another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EnvironmentConfig {
    /// What issues this environment's codes and keeps its trials. `local` is passbridge itself; the others are the versions
    /// of the provider's REST API.
    pub backend: BackendKind,
    /// Who registers REST clients and issues their access tokens. Where it is left out: `own` over the local backend, `relay`
    /// over an upstream.
    pub registration: Option<ClientRegistrationMode>,
    /// The hosts of REST calls that mean this environment, with or without a port. A call to any other host means the
    /// default environment, which is the one named `default`, or the only one; where there is none it is refused.
    pub hosts: Vec<String>,
    /// The origin of the provider's REST API, such as `https://api.example.com`. Required where `backend`, or that of a
    /// requestor, is `v1` or `v2`.
    pub url: Option<String>,
    /// The origin of the provider's API for resets; that of `url` where left out.
    pub reset_url: Option<String>,
    /// The origin that REST calls to every other path go to untouched, such as `https://api.example.com`: the provider's, for
    /// devices that call its `/api/v1` too. Without it they are answered 404. Over v1, `/api/v1` and `/adobe-services/config` go to
    /// `url` without it; over v2 these two never go there.
    pub passthrough: Option<String>,
    /// Whether the web pages on which viewers type codes may call without an access token, to read a code and for the login with
    /// it. Where it is left out: `open` over an upstream, as the provider has it, `token` over the local backend.
    pub second_screen: Option<SecondScreen>,
    /// A file with the software statement that passbridge registers itself with at the provider. Required where `url` is
    /// given. The file is read at start and on reload.
    pub software_statement_file: Option<PathBuf>,
    /// The redirect URI that passbridge registers with at the provider: one that the statement allows.
    pub redirect_uri: String,
    /// Where passbridge's requests for an access token have their parameters, of which one is the client secret.
    pub token_parameters: TokenParameters,
    /// As how many clients of the provider's passbridge calls. A login belongs to the client that it was made with: after a change
    /// to `shared` every viewer has to log in once more; after one to `per_device` a device that is logged in stays so until it asks
    /// for another code. Over v2 only.
    pub upstream_client: UpstreamClient,
    /// How long one call to the provider may take.
    pub upstream_timeout: HumanDuration,
    /// How many calls to the provider may be under way at once. As many again times sixteen may wait; more are refused.
    pub upstream_connections: usize,
    /// For how long passbridge answers by itself what the provider said of a device's login: devices ask every second, and the
    /// provider takes a call a second from each address. Over v2 only.
    pub profile_cache: ProfileCacheConfig,
    /// The requestors by id. Where any are listed, only those are valid; where none is, any well-formed id is.
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

/// For how long what was said of a device's login is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProfileCacheConfig {
    /// That nobody is logged in, while a viewer is with an operator: 0 to 30 seconds. While none is, the provider is asked every
    /// 30 seconds at most.
    pub negative: HumanDuration,
    /// That somebody is logged in: 0 to 10 minutes. A logout through passbridge is known at once.
    pub positive: HumanDuration,
}

impl Default for ProfileCacheConfig {
    fn default() -> Self {
        Self { negative: HumanDuration::from_secs(4), positive: HumanDuration::from_secs(60) }
    }
}

/// What issues codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// passbridge itself, from its own store.
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
    /// passbridge itself: it verifies software statements and issues client ids and access tokens of its own.
    Own,
    /// The provider: what clients send to `/o/client` is forwarded. Their tokens are used for the provider's API where its
    /// version is the client's, and where it is not, tokens are taken that were issued through here.
    Relay,
}

/// Whether the pages on which viewers type codes may call without an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondScreen {
    /// They may: a browser has no token that it could keep secret. Whoever knows a code may read it; guesses are limited by
    /// the budgets for wrong codes.
    Open,
    /// They may not: their calls need an access token like any other.
    Token,
}

/// A requestor: a channel that asks for codes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RequestorConfig {
    /// What issues this requestor's codes and keeps its trials; that of the environment where left out.
    pub backend: Option<BackendKind>,
    /// How v2 is told who the user of a promotional TempPass is, where the caller gives the identifier itself.
    pub temp_pass_identity: TempPassIdentity,
    /// The page where a viewer types the code, as a URI template (RFC 6570) with the variable `code`, such as
    /// `https://example.com/activate{?code}`. Answers then carry `verification_uri`, without the code, and
    /// `verification_uri_complete`, with it.
    pub verification_uri: Option<String>,
    /// The domain that logins start from where a call names none, or one that the provider refuses: one that the provider has
    /// registered for the requestor. Over v2 only.
    pub domain_name: Option<String>,
    /// Where a viewer's browser comes back to after a logout with the operator, as an absolute URL; the provider's own page
    /// where left out. Over v2 only.
    pub logout_redirect_url: Option<String>,
    /// The device information that the provider is told of a device which sends none: base64 of JSON, as devices send it in
    /// `X-Device-Info`. Over v2 only.
    pub default_device_info: Option<String>,
    /// Whether errors of `/api/v1` say more, by the provider's codes, for requestors that it had switched that on for. Over v2 only.
    pub enhanced_errors: bool,
    /// The TempPasses by mvpd. An environment without any configured requestor has the samples `TempPass` (basic, 4 hours)
    /// and `TempPassREF` (promotional, 24 hours, 5 resources) for each.
    pub temp_passes: BTreeMap<String, TempPassConfig>,
}

/// How v2 is told who the user of a promotional TempPass is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TempPassIdentity {
    /// By the digest: the identifier goes no further than passbridge.
    #[default]
    Digest,
    /// By the identifier itself. Only where the provider insists on it.
    Clear,
}

/// A TempPass: a free trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TempPassConfig {
    /// By what its trials are known and limited.
    pub kind: TempPassKind,
    /// How long a trial lasts from its first authorization.
    pub ttl: HumanDuration,
    /// How many distinct resources a trial of a promotional one may have: 1 to 1000.
    pub max_resources: Option<u32>,
    /// How long after its end a trial that nobody resets goes on denying. After that the device or user may start a new
    /// one.
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

/// By what trials are known and limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TempPassKind {
    /// By device, limited in time.
    #[default]
    Basic,
    /// By device and user, limited in time and in distinct resources.
    Promotional,
}
