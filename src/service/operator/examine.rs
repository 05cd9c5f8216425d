//! Examines both faces and the upstreams. The examination of an upstream may register with it and create a code there.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Operator, OperatorService, known_environment};
use crate::{
    domain::{
        backend::{Examination, Finding},
        error::{Error, Result, Violation},
        id::EnvironmentName,
        registration_code::UpstreamApi,
    },
    service::policy::Policy,
};

/// What to examine, as given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamineCommand {
    /// The environment. Without one, both faces and every environment that has an upstream.
    pub environment: Option<String>,
    /// The requestor to create and delete a code for. Without one, no code is created.
    pub create_for: Option<String>,
}

/// The findings about a face or an environment's upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminationReport {
    /// What was examined.
    pub subject: String,
    /// The steps, in order.
    pub findings: Vec<Finding>,
}

/// Examines what both faces present and require before a call is authenticated.
#[async_trait]
pub(crate) trait FaceDoctor: Send + Sync {
    /// The findings about each face.
    async fn examine(&self) -> Vec<ExaminationReport>;
}

impl OperatorService {
    pub(super) async fn examine(
        &self,
        operator: &Operator,
        command: ExamineCommand,
    ) -> Result<Vec<ExaminationReport>> {
        let of_upstreams = examine(self.policy.load_full(), command.clone()).await;
        let examined = match of_upstreams {
            Ok(of_upstreams) if command.environment.is_none() => {
                Ok([self.faces.examine().await, of_upstreams].concat())
            }
            of_upstreams => of_upstreams,
        };
        self.record("upstream_examined", operator, command, &examined).await;
        examined
    }
}

/// Examines the upstreams that the command selects, one after the other.
async fn examine(policy: Arc<Policy>, command: ExamineCommand) -> Result<Vec<ExaminationReport>> {
    let ExamineCommand { environment, create_for } = command;
    let environments: Vec<EnvironmentName> = match environment {
        Some(text) => vec![known_environment(&policy, &text)?],
        None => policy.environments().filter(|name| policy.upstream(name).is_some()).cloned().collect(),
    };
    let mut examined = Vec::new();
    for environment in environments {
        let Some(upstream) = policy.upstream(&environment) else {
            let text = format!("must have an upstream, but the backend of {environment} is local");
            return Err(Violation::new("environment", text).into());
        };
        let place = create_for.as_deref().map(|requestor| {
            policy
                .place(("environment", environment.as_str()), ("requestor", requestor))
                .map_err(Error::InvalidFields)
        });
        let place = place.transpose()?;
        let api = place.as_ref().and_then(|place| policy.upstream_api(place));
        let login = place.as_ref().and_then(|place| policy.login_defaults(place));
        let domain_name = login.and_then(|login| login.domain_name.clone());
        let examination = Examination { api: api.unwrap_or(UpstreamApi::V2), create_for: place, domain_name };
        let findings = upstream.doctor.examine(&examination).await;
        examined.push(ExaminationReport { subject: format!("environment {environment}"), findings });
    }
    Ok(examined)
}
