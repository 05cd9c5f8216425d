//! A valid configuration: every value is checked and has its domain type. Values are checked only here,
//! without I/O, so that the result depends only on the arguments.

mod caller;
mod client;
mod engine;
mod environment;
mod issuer;
mod limits;
mod listener;
mod log;
mod network;
mod schedule;
mod temp_pass;
mod tls;
mod upstream;

use std::{collections::BTreeMap, ops::RangeInclusive, path::Path, sync::Arc};

pub use caller::CallerPolicy;
pub use client::{ApplicationPolicy, ClientPolicy, LegacyKeyPolicy};
pub use engine::{ValidEngine, ValidEngineTls};
pub use environment::{Environments, LoginDefaults, ValidEnvironment, ValidRequestor, VerificationPage};
pub(super) use issuer::is_url;
pub(crate) use issuer::{IssuerKeys, KeySetLocation, ValidIssuer};
pub use listener::CorsOrigin;
pub use network::TrustedProxies;
pub use schedule::Schedule;
pub use tls::ListenersTls;
pub use upstream::ValidUpstream;

use super::{CodesConfig, Config, ConfigError, Files};
use crate::{
    auth::KeyRing,
    domain::{
        code::CodeFormat,
        error::{Violation, Violations},
        id::EnvironmentName,
    },
};

/// The range of a failed-lookup budget. The limiter cannot refill faster than once per millisecond.
const MISSES_PER_MINUTE: RangeInclusive<u32> = 1..=60_000;

/// A configuration whose values have all been checked.
#[derive(Debug)]
pub struct ValidConfig {
    /// The configuration as written, for values that their type and range make valid.
    pub written: Config,
    /// The environments, at least one.
    pub environments: Environments,
    /// The upstreams of the environments that have one.
    pub upstreams: BTreeMap<EnvironmentName, ValidUpstream>,
    /// The policy for REST clients.
    pub clients: ClientPolicy,
    /// The callers of the gRPC API.
    pub callers: CallerPolicy,
    /// The issuers whose JWTs are accepted from callers.
    pub(crate) issuers: Vec<ValidIssuer>,
    /// Scheduled resets.
    pub schedules: Vec<Schedule>,
    /// The format of new codes.
    pub code_format: CodeFormat,
    /// The origins of web pages that may call the REST listener.
    pub cors_origins: Vec<CorsOrigin>,
    /// The address of Redis; `None` with the embedded store.
    pub engine: Option<ValidEngine>,
    /// The keys that seal secrets; empty if no file is configured.
    pub key_ring: Arc<KeyRing>,
}

impl ValidConfig {
    /// Checks `config` and the contents of the files that it names.
    ///
    /// # Errors
    /// Every violation, with its key.
    pub fn new(config: Config, files: &Files) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.extend(listener::exposure(&config));
        violations.extend(limits::out_of_range(&config));
        let cors_origins = violations.take_all(listener::cors_origins(&config.rest));
        violations.extend(log::check_filter(&config.log));
        let environments = violations.take_all(Environments::new(&config.environments));
        check_codes(&config.codes, &mut violations);
        let clients = violations.take_all(ClientPolicy::new(&config, files));
        let CodesConfig { alphabet, length, max_live_codes, .. } = &config.codes;
        let code_format = violations.take_all(CodeFormat::new(alphabet, *length, *max_live_codes));
        let schedules = environments.as_ref().and_then(|environments| {
            violations.take_all(schedule::schedules(&config.temp_pass_schedules, environments))
        });
        let callers = environments.as_ref().and_then(|environments| {
            violations.take_all(CallerPolicy::new(&config.callers, &config.grpc, environments))
        });
        let issuers = violations.take_all(issuer::issuers(&config.grpc.jwt, files));
        let upstreams = violations.take_all(upstream::upstreams(&config.environments, files));
        let engine = violations.take_all(engine::engine(&config, files));
        let key_ring = match &config.store.key_ring {
            Some(file) => violations.take(key_ring(file, files)),
            None => Some(KeyRing::default()),
        };
        // Validity periods are checked where the certificates are kept up to date.
        violations.take_all(ListenersTls::new(&config.grpc.tls, &config.rest.tls, files));
        let whole = || {
            Some(Self {
                environments: environments?,
                upstreams: upstreams?,
                clients: clients?,
                callers: callers?,
                issuers: issuers?,
                schedules: schedules?,
                code_format: code_format?,
                cors_origins: cors_origins?,
                engine: engine?,
                key_ring: Arc::new(key_ring?),
                written: config,
            })
        };
        // Whatever is missing has already been reported.
        violations.none_or(whole())?.ok_or_else(Vec::new)
    }

    /// Reads the files that `config` names, and checks both.
    ///
    /// # Errors
    /// Every violation.
    pub fn read(config: Config) -> Result<Self, ConfigError> {
        let files = Files::read(&config);
        Self::new(config, &files).map_err(ConfigError::of_values)
    }
}

fn check_codes(codes: &CodesConfig, violations: &mut Violations) {
    if codes.max_live_codes == 0 {
        violations.add("codes.max_live_codes", "must be at least 1, but is 0");
    }
    for (key, misses) in [
        ("codes.misses_per_viewer", codes.misses_per_viewer),
        ("codes.misses_per_caller", codes.misses_per_caller),
    ] {
        if !MISSES_PER_MINUTE.contains(&misses) {
            violations.add(key, format!("must be 1 to 60000 per minute, but is {misses}"));
        }
    }
}

const KEY_RING: &str = "store.key_ring";

fn key_ring(file: &Path, files: &Files) -> Result<KeyRing, Violation> {
    let parsed = files.content(file).and_then(KeyRing::parse);
    parsed.map_err(|text| Violation::new(KEY_RING, format!("{}: {text}", file.display())))
}

/// Reads the key ring again from the file that a configuration names. Blocks.
///
/// # Errors
/// If no file is configured, or its content is invalid.
pub(crate) fn read_key_ring(file: Option<&Path>) -> Result<KeyRing, Violation> {
    let file = file.ok_or_else(|| {
        let text = "is required: a file with a key to seal with (`passbridge keys new` creates a key); then restart the \
                    server if it is running";
        Violation::new(KEY_RING, text)
    })?;
    key_ring(file, &Files::of([file].into_iter()))
}

#[cfg(test)]
mod tests;
