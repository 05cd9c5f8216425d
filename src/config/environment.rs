//! `[environments.NAME]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;
use crate::domain::temp_pass::RETENTION_DEFAULT;

/// An environment. Its codes do not exist in another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Environment {
    /// What issues this environment's codes. `local` is passbridge itself.
    pub backend: Backend,
    /// Who registers REST clients and issues their access tokens. `own` is passbridge itself.
    pub registration: Registration,
    /// The hosts of REST calls that mean this environment, with or without a port. A call to any other host means the
    /// default environment, which is the one named `default`, or the only one; where there is none it is refused.
    pub hosts: Vec<String>,
    /// The requestors by id. Where any are listed, only those are valid; where none is, any well-formed id is.
    pub requestors: BTreeMap<String, Requestor>,
}

/// What issues codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// passbridge itself, from its own store.
    #[default]
    Local,
}

/// Who registers REST clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// passbridge itself: it verifies software statements and issues client ids and access tokens of its own.
    #[default]
    Own,
}

/// A requestor: a channel that asks for codes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Requestor {
    /// The page where a viewer types the code, as a URI template (RFC 6570) with the variable `code`, such as
    /// `https://example.com/activate{?code}`. Answers then carry `verification_uri`, without the code, and
    /// `verification_uri_complete`, with it.
    pub verification_uri: Option<String>,
    /// The TempPasses by mvpd. An environment without any configured requestor has the samples `TempPass` (basic, 4 hours)
    /// and `TempPassREF` (promotional, 24 hours, 5 resources) for each.
    pub temp_passes: BTreeMap<String, TempPass>,
}

/// A TempPass: a free trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TempPass {
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

impl Default for TempPass {
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
