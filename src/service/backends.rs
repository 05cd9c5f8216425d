//! Which backend a call is for.

use std::sync::Arc;

use super::policy::Policy;
use crate::domain::{
    authentication::AuthenticationProblem,
    backend::SharedBackend,
    call::CallContext,
    error::{Error, Result},
    id::EnvironmentName,
    registration::{Registration, UpstreamApi},
};

/// Our own backend, and by the policy those of the environments.
#[derive(Debug, Clone)]
pub struct Backends {
    local: SharedBackend,
}

impl Backends {
    /// Our own backend beside those that the policy knows.
    #[must_use]
    pub fn new(local: SharedBackend) -> Self {
        Self { local }
    }

    /// The backend of this environment in this version; without any, our own.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the environment has no upstream any more.
    pub fn of(
        &self,
        policy: &Policy,
        environment: &EnvironmentName,
        api: Option<UpstreamApi>,
    ) -> Result<SharedBackend> {
        let Some(api) = api else { return Ok(Arc::clone(&self.local)) };
        let upstream = policy.upstream(environment).map(|upstream| Arc::clone(upstream.of(api)));
        upstream.ok_or_else(|| {
            Error::Unsupported(format!(
                "the code was issued by an upstream that the environment {environment} has no more"
            ))
        })
    }

    /// What goes along with a call to a backend: a client's own token goes to version 1 of the upstream, which is the one that
    /// the client speaks. For anything else it must be known to be good here.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`].
    pub fn context(context: &CallContext, api: Option<UpstreamApi>) -> Result<CallContext> {
        match (&context.relayed_token, api) {
            (None, _) | (Some(_), Some(UpstreamApi::V1)) => Ok(context.clone()),
            (Some(token), Some(UpstreamApi::V2) | None) if token.is_known() => {
                Ok(CallContext { relayed_token: None, ..context.clone() })
            }
            (Some(_), Some(UpstreamApi::V2) | None) => {
                Err(Error::NotAuthenticated(AuthenticationProblem::TokenNotIssuedHere))
            }
        }
    }

    /// The backend that issued a record.
    ///
    /// # Errors
    /// As [`Backends::of`].
    pub fn of_record(&self, policy: &Policy, record: &Registration) -> Result<SharedBackend> {
        self.of(policy, &record.environment, record.shadow.as_ref().map(|shadow| shadow.api))
    }
}
