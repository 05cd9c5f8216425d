//! The claims signed into statements, client ids and access tokens. Field names are short in those that devices send.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    domain::{
        caller::{Permission, Scope},
        id::{EnvironmentName, RequestorId},
        registration_code::SourceApplication,
    },
    service::policy::Policy,
};

/// A statement issued by this server. Times are in seconds since the Unix epoch.
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

/// The grant that a client gets from its statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StatementGrant {
    /// The id of the statement.
    #[serde(rename = "stm")]
    pub statement: String,
    #[serde(rename = "app")]
    pub application: ClaimedApplication,
}

/// The application of a statement, and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum ClaimedApplication {
    /// An application that our own statement describes.
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
    /// An application from the configuration, by its id.
    #[serde(rename = "cfg")]
    Configured(String),
}

/// A client id. Its time is in milliseconds since the Unix epoch, which gives revocations by time their precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClientClaims {
    pub jti: Uuid,
    pub iat: u64,
    #[serde(flatten)]
    pub grant: StatementGrant,
}

/// An access token. Its times are in milliseconds, like those of client ids.
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
    pub grant: StatementGrant,
}

/// The rights that a grant currently confers.
pub(super) struct ApplicationRights {
    pub source: SourceApplication,
    pub requestors: Scope<RequestorId>,
    pub environments: Scope<EnvironmentName>,
    pub permissions: Vec<Permission>,
}

impl StatementGrant {
    /// The rights under `policy`; `None` if its application is no longer configured.
    pub(super) fn rights(&self, policy: &Policy) -> Option<ApplicationRights> {
        let default = || Permission::DEVICE.to_vec();
        match &self.application {
            ClaimedApplication::Stated { source, requestors, environments, permissions } => {
                Some(ApplicationRights {
                    source: source.clone(),
                    requestors: requestors.clone(),
                    environments: environments.clone(),
                    permissions: permissions
                        .as_ref()
                        .map_or_else(default, |set| set.iter().copied().collect()),
                })
            }
            ClaimedApplication::Configured(id) => {
                policy.clients.applications.get(id).map(|application| ApplicationRights {
                    source: application.source.clone(),
                    requestors: application.requestors.clone(),
                    environments: application.environments.clone(),
                    permissions: application.permissions.clone().unwrap_or_else(default),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::format::golden;

    /// Checks that claims serialize to the pinned text, and that the text is readable.
    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, claims: &T) {
        let text = serde_json::to_string(claims).expect("serializes");
        golden::check_text(name, 1, &format!("{text}\n"));
        assert_eq!(serde_json::from_str::<T>(&text).expect("readable"), *claims, "{name}");
    }

    #[test]
    fn the_format_of_claims_is_pinned() {
        let requestors =
            BTreeSet::from(["REF"].map(|id| RequestorId::parse("requestor", id).expect("valid")));
        let environment = EnvironmentName::parse("environment", "staging").expect("valid");
        let permissions = BTreeSet::from([Permission::CodesCreate, Permission::TempPassesResetAll]);
        let statement = StatementClaims {
            jti: Uuid::from_u128(7),
            iat: 1_763_000_000,
            software_id: "id".to_owned(),
            client_name: "name".to_owned(),
            software_version: "1.2".to_owned(),
            requestors: Some(requestors.clone()),
            environments: Some(BTreeSet::from([environment.clone()])),
            permissions: Some(permissions.clone()),
        };
        check("claims_statement", &statement);
        let for_all =
            StatementClaims { requestors: None, environments: None, permissions: None, ..statement };
        check("claims_statement_for_all", &for_all);

        let source =
            SourceApplication { id: "id".to_owned(), name: "name".to_owned(), version: "1.2".to_owned() };
        let stated = ClaimedApplication::Stated {
            source,
            requestors: Scope::Only(requestors),
            environments: Scope::Any,
            permissions: Some(permissions),
        };
        for (name, application) in
            [("own", stated), ("configured", ClaimedApplication::Configured("id".to_owned()))]
        {
            let grant = StatementGrant { statement: "a statement".to_owned(), application };
            let (jti, iat) = (Uuid::from_u128(8), 1_763_000_000_123);
            check(&format!("claims_client_{name}"), &ClientClaims { jti, iat, grant: grant.clone() });
            let token = AccessTokenClaims {
                jti: Uuid::from_u128(9),
                iat,
                exp: iat + 1_000,
                env: environment.clone(),
                sub: jti,
                cat: iat - 1_000,
                grant,
            };
            check(&format!("claims_access_token_{name}"), &token);
        }
    }
}
