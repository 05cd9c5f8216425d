//! `[[applications]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An application whose software statements others sign (`rest.statement_jwks`), and what it may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApplicationConfig {
    /// What statements name it by in `software_id`; records show it as the source application's id.
    pub id: String,
    /// The name that records show.
    pub name: String,
    /// The version that records show.
    pub version: String,
    /// The requestors it may act for; empty means all of them.
    pub requestors: Vec<String>,
    /// The environments it may act in; empty means all of them.
    pub environments: Vec<String>,
    /// What it may do: `codes.create`, `codes.read`, `codes.delete`, `temp_passes.authorize`, `temp_passes.read`,
    /// `temp_passes.reset`, `temp_passes.reset_all`, `entitlements.login`, `entitlements.read`, `entitlements.authorize`,
    /// `entitlements.logout`. Empty means all of these but the two resets.
    pub permissions: Vec<String>,
}
