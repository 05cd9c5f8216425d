//! The configuration as operators write it: one TOML file, whose keys can also be set by environment
//! variables. Every key has a default.
//!
//! Each section is a file here. The text is checked twice: unknown keys against the generated schema
//! (`unknown`), which can suggest the nearest known key; then values (`valid`), which gives a [`ValidConfig`]
//! or every violation. `files` reads the files that the configuration names, so that the check itself does no
//! I/O.

mod application;
mod audit;
mod caller;
mod codes;
mod duration;
mod environment;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod grpc;
mod load;
mod log;
mod operations;
mod reference;
mod rest;
mod runtime;
mod schedule;
mod secret;
mod store;
mod tls;
mod unknown;
mod valid;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::backend::upstream::{TokenParameters, UpstreamClient};
pub use application::ApplicationConfig;
pub use audit::{Audit, AuditTarget};
pub use caller::{CallerEntry, JwtSubject};
pub use codes::CodesConfig;
pub use duration::HumanDuration;
pub use environment::{
    BackendKind, ClientRegistrationMode, EnvironmentConfig, ProfileCacheConfig, RequestorConfig,
    SecondScreen, TempPassConfig, TempPassIdentity, TempPassKind,
};
pub use files::Files;
pub(crate) use files::{FilesDigest, secret_files};
pub use grpc::{Auth, Grpc, Jwt};
pub use load::{ConfigError, load};
pub use log::{Log, LogFormat};
pub use operations::Operations;
pub use reference::reference;
pub use rest::{AddressLimit, DeviceIdRule, DeviceInfoRule, LegacyKey, ResponseFormat, Rest};
pub use runtime::Runtime;
pub use schedule::{ScheduleTarget, TempPassSchedule};
pub use secret::Secret;
pub use store::{EngineTlsConfig, OnWriteFailure, StoreConfig, StoreKind};
pub use tls::{ClientCertificate, Tls, TlsMode};
pub use valid::{
    ApplicationPolicy, CallerPolicy, ClientPolicy, CorsOrigin, Environments, LegacyKeyPolicy, ListenersTls,
    LoginDefaults, Schedule, TrustedProxies, ValidConfig, ValidEngine, ValidEngineTls, ValidEnvironment,
    ValidRequestor, ValidUpstream, VerificationPage,
};
pub(crate) use valid::{IssuerKeys, KeySetLocation, ValidIssuer, read_key_ring};

/// The whole configuration. Every key has a default, so an empty file is valid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// The gRPC listener.
    pub grpc: Grpc,
    /// The REST listener: version 1 of the provider's REST API, for devices in the field.
    pub rest: Rest,
    /// The operations listener: health and metrics over HTTP.
    pub operations: Operations,
    /// The store of records.
    pub store: StoreConfig,
    /// The format of the codes that passbridge generates, and the rate limits on failed lookups of codes.
    pub codes: CodesConfig,
    /// The environments, by name. A code exists only in its own environment. Without any, there is one
    /// environment named `default` with the local backend.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// The callers of the gRPC API, and what each may do.
    pub callers: Vec<CallerEntry>,
    /// Scheduled resets of TempPasses.
    pub temp_pass_schedules: Vec<TempPassSchedule>,
    /// The applications whose software statements are signed outside passbridge, and what each may do.
    pub applications: Vec<ApplicationConfig>,
    /// The audit log: append-only, one line of JSON for each reset of a TempPass and each operator action.
    /// Identifiers appear in it as keyed digests.
    pub audit: Audit,
    /// The server log, on standard error.
    pub log: Log,
    /// Threads and shutdown.
    pub runtime: Runtime,
}
