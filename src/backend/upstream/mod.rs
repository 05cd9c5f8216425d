//! The provider's REST API (the upstream) as a backend, versions 1 and 2.
//!
//! | module | contents |
//! |---|---|
//! | `options` | the configuration of an upstream |
//! | `call` | a call and its response |
//! | `http` | the HTTP client: deadline, request pacing, queue, circuit breaker, retries, limit of the response size |
//! | `backoff` | exponential backoff with jitter after failures |
//! | `clients` | a connection pool for each serving thread |
//! | `pacing`, `budget`, `circuit` | request pacing by the provider's rate limit, the retry budget, the circuit breaker |
//! | `credentials`, `registration`, `token` | client credentials sealed in the ledger, client registration, single-flight token renewal |
//! | `device_clients`, `client_change` | one client of the provider per device, and warnings after a change of that setting |
//! | `session` | a call with an access token, and the reactions to 401 and 403 |
//! | `failure` | error responses of the provider as our errors |
//! | `shadow` | shadows: our records of codes that the provider issued |
//! | `v1`, `v2` | our operations in the two versions of the API |
//! | `reset` | resets of trials, which are the same in both versions |
//! | `device`, `json` | device information, and lenient reading of JSON |
//! | `doctor` | a step-by-step check of all of these |
//! | `relay` | client registrations that REST clients send to the provider through passbridge |

mod backoff;
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
pub(crate) use failure::{error_of_code, error_of_status};
pub use options::{TokenParameters, UpstreamClient, UpstreamOptions};
pub use shadow::ShadowedCodes;
pub use token::release_leases;

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

/// The dependencies that the upstreams of all environments share.
#[derive(Clone)]
pub struct UpstreamDependencies {
    /// The ledger with leases and digests of relayed tokens.
    pub ledger: Arc<dyn Ledger>,
    /// The limits that pace the calls of each device.
    pub limits: Arc<dyn Limits>,
    /// The sealed credentials and tokens.
    pub secrets: Arc<SealedLedger>,
    /// The store of shadows.
    pub codes: Arc<ShadowedCodes>,
    /// The format of codes that the upstream does not issue.
    pub code_format: CodeFormat,
    /// The clock.
    pub clock: SharedClock,
    /// The source of randomness for jitter, ids and our own codes.
    pub randomness: SharedRandomness,
    /// Normalizes device information.
    pub normalizer: Arc<Normalizer>,
    /// The maximum number of live codes in an environment that the upstream does not know.
    pub max_live_codes: u64,
    /// The metrics of calls, if they are collected.
    pub metrics: Option<Arc<Metrics>>,
    /// Tasks that must outlive their callers: registrations and token renewals. The drain waits for them.
    pub tasks: TaskTracker,
}

/// The upstream of one environment. Cheap to clone.
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
    /// Permits for polls of watches, which must leave connections for callers.
    polls: Semaphore,
    parts: UpstreamDependencies,
}

impl Upstream {
    /// Creates the upstream of an environment. No call is made yet.
    ///
    /// # Errors
    /// The HTTP client cannot be created, which depends on the machine's root certificates.
    pub fn new(
        environment: EnvironmentName,
        options: UpstreamOptions,
        statement: RegisteredStatement,
        parts: UpstreamDependencies,
    ) -> Result<Self, String> {
        let http = Arc::new(HttpClient::new(&environment, &options, &parts)?);
        let polls = options.connections.div_ceil(4);
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
                polls: Semaphore::new(polls),
                parts,
            }),
        })
    }

    /// Reports whether the upstream was created from these values. If so, a reload keeps it.
    #[must_use]
    pub fn is_made_from(&self, options: &UpstreamOptions, statement: &RegisteredStatement) -> bool {
        self.inner.options == *options && self.inner.session.is_of(statement)
    }

    /// Logs a warning if logins were made with another `upstream_client` than the configured one. A failure to find out is only
    /// logged.
    pub async fn warn_of_client_change(&self) {
        self.inner.client_change.warn().await;
    }

    /// Returns the ports of both API versions.
    #[must_use]
    pub fn backends(&self) -> UpstreamBackends {
        UpstreamBackends {
            v1: Arc::new(v1::V1Backend::new(self.clone())),
            v2: Arc::new(v2::V2Backend::new(self.clone())),
            relay: Arc::new(relay::Relay::new(self.clone())),
            doctor: Arc::new(doctor::UpstreamDoctor::new(self.clone())),
        }
    }

    /// Resolves the URL of a page for a browser, which may be relative to the provider's origin. `None` if it is not HTTP.
    fn page(&self, url: &str) -> Option<String> {
        let url = self.inner.options.url.join(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    /// Returns the state of the circuit breaker.
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
