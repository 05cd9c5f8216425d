//! The configuration as operators write it: one TOML file, each key also by environment variable, a default
//! for everything.
//!
//! Each section is a file here. What is written is checked twice: unknown keys by the generated schema (`unknown`),
//! so that the nearest known key can be named, then values (`valid`), which gives a [`ValidConfig`] or everything
//! that is wrong. `files` reads what the configuration names, so that the check itself reads nothing.

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

/// Everything that can be configured. Every key has a default, so that an empty file is a working one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// The gRPC listener.
    pub grpc: Grpc,
    /// The REST listener: version 1 of the provider's REST API, for devices in the field.
    pub rest: Rest,
    /// The operations listener: health and metrics over HTTP.
    pub operations: Operations,
    /// Where records are kept.
    pub store: StoreConfig,
    /// The codes that passbridge draws itself, and how many wrong ones may be tried.
    pub codes: CodesConfig,
    /// The environments by name. Codes of one do not exist in another. Without any there is one, `default`,
    /// over the local backend.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Who may call over gRPC, and what each may do.
    pub callers: Vec<CallerEntry>,
    /// Resets of TempPasses at set times.
    pub temp_pass_schedules: Vec<TempPassSchedule>,
    /// Applications whose software statements others sign, and what each may do.
    pub applications: Vec<ApplicationConfig>,
    /// The audit log: append-only, a line of JSON for each reset of TempPasses, and for what operators do. Identifiers stand in
    /// it as keyed digests.
    pub audit: Audit,
    /// The log, on standard error.
    pub log: Log,
    /// Threads, and how the process ends.
    pub runtime: Runtime,
}
