//! Examining upstreams, which may register with one, and make a code there.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorService, known_environment};
use crate::{
    domain::{
        backend::{Examination, Finding},
        error::{Error, Result, Violation},
        id::EnvironmentName,
        registration::UpstreamApi,
    },
    service::policy::Policy,
};

/// Which upstreams to examine, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamineCommand {
    /// The environment; every one that has an upstream where left out.
    pub environment: Option<String>,
    /// For which requestor to make a code, and delete it; none is made where left out.
    pub create_for: Option<String>,
}

/// What was found about an environment's upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// The environment.
    pub environment: String,
    /// The steps, in order.
    pub findings: Vec<Finding>,
}

impl OperatorService {
    pub(super) async fn examine(
        &self,
        operator: &Operator,
        command: ExamineCommand,
    ) -> Result<Vec<Examined>> {
        let examined = examine(self.policy.load_full(), command.clone()).await;
        self.record("upstream_examined", operator, command, &examined).await;
        examined
    }
}

/// Examines the upstreams that the command means, one after the other.
async fn examine(policy: Arc<Policy>, command: ExamineCommand) -> Result<Vec<Examined>> {
    let ExamineCommand { environment, create_for } = command;
    let environments: Vec<EnvironmentName> = match environment {
        Some(text) => vec![known_environment(&policy, &text)?],
        None => policy.environments().filter(|name| policy.upstream(name).is_some()).cloned().collect(),
    };
    let mut examined = Vec::new();
    for environment in environments {
        let Some(upstream) = policy.upstream(&environment) else {
            let text = format!("{environment} has no upstream: its backend is local");
            return Err(Violation::new("environment", text).into());
        };
        let place = create_for.as_deref().map(|requestor| {
            policy
                .place(("environment", environment.as_str()), ("requestor", requestor))
                .map_err(Error::InvalidFields)
        });
        let place = place.transpose()?;
        let api = place.as_ref().and_then(|place| policy.upstream_api(place));
        let examination = Examination { api: api.unwrap_or(UpstreamApi::V2), create_for: place };
        let findings = upstream.doctor.examine(&examination).await;
        examined.push(Examined { environment: environment.to_string(), findings });
    }
    Ok(examined)
}
