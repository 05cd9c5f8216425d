//! What is signed into statements, client ids and access tokens. The fields' names are short where devices carry them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    domain::{
        caller::{Permission, Scope},
        id::{EnvironmentName, RequestorId},
        registration::SourceApplication,
    },
    service::policy::Policy,
};

/// A statement that this server minted. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StatementClaims {
    pub jti: Uuid,
    pub iat: u64,
    pub software_id: String,
    pub client_name: String,
    pub software_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requestors: Option<BTreeSet<RequestorId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<BTreeSet<EnvironmentName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeSet<Permission>>,
}

/// What a client has from its statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Grant {
    /// The id of the statement.
    #[serde(rename = "stm")]
    pub statement: String,
    #[serde(rename = "app")]
    pub application: Application,
}

/// Which application a statement is for, and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Application {
    /// One that a statement of our own describes.
    #[serde(rename = "own")]
    Stated {
        #[serde(flatten)]
        source: SourceApplication,
        #[serde(rename = "req")]
        requestors: Scope<RequestorId>,
        #[serde(rename = "env")]
        environments: Scope<EnvironmentName>,
        #[serde(rename = "prm")]
        permissions: Option<BTreeSet<Permission>>,
    },
    /// One that the operator configured, by its id.
    #[serde(rename = "cfg")]
    Configured(String),
}

/// A client id. Its time is in milliseconds since the Unix epoch, so that revocations can tell before from after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClientClaims {
    pub jti: Uuid,
    pub iat: u64,
    #[serde(flatten)]
    pub grant: Grant,
}

/// An access token. Its times are in milliseconds, as those of client ids are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AccessTokenClaims {
    pub jti: Uuid,
    pub iat: u64,
    pub exp: u64,
    /// The environment that it is bound to.
    pub env: EnvironmentName,
    /// The client.
    pub sub: Uuid,
    /// When the client was registered.
    pub cat: u64,
    #[serde(flatten)]
    pub grant: Grant,
}

/// What a grant amounts to at present.
pub(super) struct Rights {
    pub source: SourceApplication,
    pub requestors: Scope<RequestorId>,
    pub environments: Scope<EnvironmentName>,
    pub permissions: Vec<Permission>,
}

impl Grant {
    /// What it amounts to under `policy`; `None` where its application is configured no more.
    pub fn rights(&self, policy: &Policy) -> Option<Rights> {
        let default = || Permission::DEVICE.to_vec();
        match &self.application {
            Application::Stated { source, requestors, environments, permissions } => Some(Rights {
                source: source.clone(),
                requestors: requestors.clone(),
                environments: environments.clone(),
                permissions: permissions.as_ref().map_or_else(default, |set| set.iter().copied().collect()),
            }),
            Application::Configured(id) => policy.clients.applications.get(id).map(|application| Rights {
                source: application.source.clone(),
                requestors: application.requestors.clone(),
                environments: application.environments.clone(),
                permissions: application.permissions.clone().unwrap_or_else(default),
            }),
        }
    }
}
