//! `[environments.NAME]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An environment. Its codes do not exist in another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Environment {
    /// What issues this environment's codes. `local` is passbridge itself.
    pub backend: Backend,
    /// Who registers REST clients and issues their access tokens. `own` is passbridge itself.
    pub registration: Registration,
    /// The hosts of REST calls that mean this environment, with or without a port. A call to any other host means the
    /// default environment.
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
}
