//! The provider's REST API as a backend, v1 and v2, by the best-behaved client that the provider has.
//!
//! | module | what it is for |
//! |---|---|
//! | `options` | what the configuration says of it |
//! | `call` | a call, and its answer |
//! | `http` | how one is made: its deadline, pace, queue, circuit, repeats; the answer read whole and bounded |
//! | `pause` | what has failed is not tried again at once |
//! | `clients` | connections, a pool for each serving thread |
//! | `pacing`, `budget`, `circuit` | the provider's throttle kept on our side; how much is repeated; sparing one that fails |
//! | `credentials`, `registration`, `token` | kept sealed in the ledger; got once and for ever; renewed by one at a time |
//! | `device_clients`, `client_change` | a client of the provider's for each device; what it costs to begin that, or to end it |
//! | `session` | a call with a token: what 401 and 403 lead to |
//! | `failure` | every answer that is not what was asked for, as one of our errors |
//! | `shadow` | what is kept here of codes that the provider issued |
//! | `v1`, `v2` | the two versions' words for our operations |
//! | `reset` | resets of trials, which both have in common |
//! | `device`, `json` | what they say of devices; JSON read generously |
//! | `doctor` | whether all of that works, step by step |
//! | `relay` | what REST clients send to the provider through here |

mod budget;
mod call;
mod circuit;
mod client_change;
mod clients;
mod credentials;
mod device;
mod device_clients;
mod doctor;
mod failure;
mod http;
mod json;
mod options;
mod pacing;
mod pause;
mod registration;
mod relay;
mod reset;
mod session;
mod shadow;
mod token;
mod v1;
mod v2;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use circuit::CircuitState;
pub use credentials::RegisteredStatement;
pub use options::{TokenParameters, UpstreamClient, UpstreamOptions};
pub use shadow::ShadowedCodes;
pub use token::end_leases;

use crate::{
    auth::SealedLedger,
    domain::{
        backend::UpstreamBackends,
        clock::SharedClock,
        code::CodeFormat,
        device_info::Normalizer,
        id::EnvironmentName,
        port::{Ledger, Limits},
        randomness::SharedRandomness,
    },
    telemetry::Metrics,
};
use client_change::ClientChange;
use device_clients::DeviceClients;
use http::HttpClient;
use registration::Registrar;
use session::UpstreamSession;
use token::TokenSource;

/// What the upstreams of all environments share.
#[derive(Clone)]
pub struct UpstreamDependencies {
    /// Where leases, and digests of relayed tokens, are kept.
    pub ledger: Arc<dyn Ledger>,
    /// The pace of each device.
    pub limits: Arc<dyn Limits>,
    /// Where credentials and tokens are kept, sealed.
    pub secrets: Arc<SealedLedger>,
    /// Where shadows are kept.
    pub codes: Arc<ShadowedCodes>,
    /// The shape of codes that only answer a device which asks for an id.
    pub code_format: CodeFormat,
    /// Time.
    pub clock: SharedClock,
    /// Randomness for pauses.
    pub randomness: SharedRandomness,
    /// Makes device information uniform.
    pub normalizer: Arc<Normalizer>,
    /// How many codes may live at once in an environment, of those that the upstream never hears of.
    pub max_live_codes: u64,
    /// Where calls are counted, if anywhere.
    pub metrics: Option<Arc<Metrics>>,
    /// What goes on although its caller has left: registrations and renewals. The drain waits for them.
    pub tasks: TaskTracker,
}

/// The upstream of one environment. A cheap handle.
#[derive(Clone)]
pub struct Upstream {
    inner: Arc<UpstreamState>,
}

struct UpstreamState {
    environment: EnvironmentName,
    options: UpstreamOptions,
    http: Arc<HttpClient>,
    session: UpstreamSession,
    client_change: ClientChange,
    seen_tokens: relay::SeenTokens,
    /// Watches must leave room for callers.
    looks: Semaphore,
    parts: UpstreamDependencies,
}

impl Upstream {
    /// The upstream of an environment. Nothing is asked yet.
    ///
    /// # Errors
    /// Where no client can be made, which is a matter of the machine's certificates.
    pub fn new(
        environment: EnvironmentName,
        options: UpstreamOptions,
        statement: RegisteredStatement,
        parts: UpstreamDependencies,
    ) -> Result<Self, String> {
        let http = Arc::new(HttpClient::new(&environment, &options, &parts)?);
        let looks = options.connections.div_ceil(4);
        let registrar = Registrar::new(&environment, &options, statement, Arc::clone(&http), &parts);
        let tokens = TokenSource::new(environment.clone(), registrar, parts.clone());
        let devices =
            (options.client == UpstreamClient::PerDevice).then(|| DeviceClients::new(tokens.clone(), &parts));
        let session = UpstreamSession::new(Arc::clone(&http), tokens, devices, &parts);
        let client_change = ClientChange::new(&environment, &options, &parts);
        Ok(Self {
            inner: Arc::new(UpstreamState {
                environment,
                options,
                http,
                session,
                client_change,
                seen_tokens: Default::default(),
                looks: Semaphore::new(looks),
                parts,
            }),
        })
    }

    /// What it was made from: an unchanged one need not be made anew.
    #[must_use]
    pub fn is_made_from(&self, options: &UpstreamOptions, statement: &RegisteredStatement) -> bool {
        self.inner.options == *options && self.inner.session.is_of(statement)
    }

    /// Warns where logins were made as another client than the configuration has it now. Failing to find out is no failure.
    pub async fn warn_of_client_change(&self) {
        self.inner.client_change.warn().await;
    }

    /// Its two versions, as use cases know them.
    #[must_use]
    pub fn backends(&self) -> UpstreamBackends {
        UpstreamBackends {
            v1: Arc::new(v1::V1Backend::new(self.clone())),
            v2: Arc::new(v2::V2Backend::new(self.clone())),
            relay: Arc::new(relay::Relay::new(self.clone())),
            doctor: Arc::new(doctor::UpstreamDoctor::new(self.clone())),
        }
    }

    /// A page for a browser, of which the provider may say only where it is at its own origin; nothing where it is no page.
    fn page(&self, url: &str) -> Option<String> {
        let url = self.inner.options.url.join(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    /// Whether it is being spared.
    #[must_use]
    pub fn circuit(&self) -> CircuitState {
        self.inner.http.circuit()
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("environment", &self.inner.environment)
            .finish_non_exhaustive()
    }
}
