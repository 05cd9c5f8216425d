//! Selects the backend of a call.

use std::sync::Arc;

use super::policy::Policy;
use crate::domain::{
    authentication::AuthenticationProblem,
    backend::SharedBackend,
    call::CallContext,
    error::{Error, Result},
    id::EnvironmentName,
    registration_code::{RegistrationCode, UpstreamApi},
};

/// The local backend, and the upstream backends of the policy's environments.
#[derive(Debug, Clone)]
pub struct Backends {
    local: SharedBackend,
}

impl Backends {
    /// Combines the local backend with those that the policy knows.
    #[must_use]
    pub fn new(local: SharedBackend) -> Self {
        Self { local }
    }

    /// The backend of this environment and API version. Without a version, the local backend.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the environment no longer has an upstream.
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
                "the code was issued by an upstream that the environment {environment} no longer has"
            ))
        })
    }

    /// The context of a call to a backend. The client's own token is only passed on to version 1 of the upstream's API,
    /// which is the version that the client uses. For any other backend, this server must have verified the token.
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

    /// The backend that issued a code.
    ///
    /// # Errors
    /// See [`Backends::of`].
    pub fn of_record(&self, policy: &Policy, record: &RegistrationCode) -> Result<SharedBackend> {
        self.of(policy, &record.environment, record.shadow.as_ref().map(|shadow| shadow.api))
    }
}
