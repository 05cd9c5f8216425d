//! A configuration that can be used: everything in it is checked and in domain types. This is the one place that checks
//! values; it reads nothing, so that whatever it says depends on what it is given alone.

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

/// What a budget for wrong codes can be: at least one, and not finer than a millisecond each.
const MISSES_PER_MINUTE: RangeInclusive<u32> = 1..=60_000;

/// A configuration that can be used.
#[derive(Debug)]
pub struct ValidConfig {
    /// As it was written, for what is right by its type and range.
    pub written: Config,
    /// The environments, at least one.
    pub environments: Environments,
    /// What stands behind the environments that have an upstream.
    pub upstreams: BTreeMap<EnvironmentName, ValidUpstream>,
    /// What REST clients may be.
    pub clients: ClientPolicy,
    /// Who may call over gRPC.
    pub callers: CallerPolicy,
    /// Whose JWTs callers may show.
    pub(crate) issuers: Vec<ValidIssuer>,
    /// Resets at set times.
    pub schedules: Vec<Schedule>,
    /// The shape of new codes.
    pub code_format: CodeFormat,
    /// Web pages of which origins may call over REST.
    pub cors_origins: Vec<CorsOrigin>,
    /// Where Redis is; absent over the embedded store.
    pub engine: Option<ValidEngine>,
    /// What secrets are sealed with; empty where no file is named.
    pub key_ring: Arc<KeyRing>,
}

impl ValidConfig {
    /// Checks `config` and the content of the files that it names.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
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
        // Its time is another's to judge, who keeps it up to date too.
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
        // What is missing has been noted.
        violations.none_or(whole())?.ok_or_else(Vec::new)
    }

    /// Reads the files that `config` names, and checks both.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(config: Config) -> Result<Self, ConfigError> {
        let files = Files::read(&config);
        Self::new(config, &files).map_err(ConfigError::of_values)
    }
}

fn check_codes(codes: &CodesConfig, violations: &mut Violations) {
    if codes.max_live_codes == 0 {
        violations.add("codes.max_live_codes", "is 0; at least one code must be able to live");
    }
    for (key, misses) in [
        ("codes.misses_per_viewer", codes.misses_per_viewer),
        ("codes.misses_per_caller", codes.misses_per_caller),
    ] {
        if !MISSES_PER_MINUTE.contains(&misses) {
            violations.add(key, format!("is {misses}; 1 to 60000 a minute are allowed"));
        }
    }
}

const KEY_RING: &str = "store.key_ring";

fn key_ring(file: &Path, files: &Files) -> Result<KeyRing, Violation> {
    let parsed = files.content(file).and_then(KeyRing::parse);
    parsed.map_err(|text| Violation::new(KEY_RING, format!("{}: {text}", file.display())))
}

/// Reads the key ring as it is now, by the file that a configuration names. Blocks.
///
/// # Errors
/// What is wrong with it, or that there is none.
pub(crate) fn read_key_ring(file: Option<&Path>) -> Result<KeyRing, Violation> {
    let file = file.ok_or_else(|| {
        let text = "is not set, so that there is no key to seal with; name a file with a key (`passbridge keys new`), and \
                    restart a server that runs";
        Violation::new(KEY_RING, text)
    })?;
    key_ring(file, &Files::of([file].into_iter()))
}

#[cfg(test)]
mod tests;
