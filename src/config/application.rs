//! `[[applications]]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An application whose software statements are signed outside passbridge (`rest.statement_jwks`), and what
/// it may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApplicationConfig {
    /// The value of `software_id` in the application's statements. Records show it as the id of the source
    /// application.
    pub id: String,
    /// The name of the application in records.
    pub name: String,
    /// The version of the application in records.
    pub version: String,
    /// The requestors that the application may act for. Empty means all.
    pub requestors: Vec<String>,
    /// The environments that the application may act in. Empty means all.
    pub environments: Vec<String>,
    /// The application's permissions: `codes.create`, `codes.read`, `codes.delete`, `temp_passes.authorize`,
    /// `temp_passes.read`, `temp_passes.reset`, `temp_passes.reset_all`, `entitlements.login`,
    /// `entitlements.read`, `entitlements.authorize`, `entitlements.logout`. Empty means all except the two
    /// resets.
    pub permissions: Vec<String>,
}
