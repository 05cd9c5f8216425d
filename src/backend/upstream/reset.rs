//! Resets of trials. Their API is the same for both versions (reference, section 3).

use async_trait::async_trait;
use http::Method;

use super::{
    Upstream,
    call::{ProviderCall, ProviderOrigin, TokenScope},
    failure::refusal,
};
use crate::domain::{
    backend::ResetBackend,
    call::CallContext,
    error::Result,
    temp_pass::{ALL, ResetBy, ResetTarget, TempPassKey, TrialApplication},
};

#[async_trait]
impl ResetBackend for Upstream {
    // "All" is always sent explicitly: no omitted parameter can widen a reset.
    async fn reset(
        &self,
        context: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        by: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>> {
        let (path, name) = match by {
            ResetBy::Device => ("/reset-tempass/v3/reset", "device_id"),
            ResetBy::Key => ("/reset-tempass/v3/reset/generic", "key"),
        };
        let target = match target {
            ResetTarget::Device(device_id) => device_id.as_str(),
            ResetTarget::Key(key) => key.as_str(),
            ResetTarget::All => ALL,
        };
        let mut pairs = vec![
            ("requestor_id", temp_pass.requestor.as_str()),
            ("mvpd_id", temp_pass.mvpd.as_str()),
            (name, target),
        ];
        let deprecated = [("appId", &application.app_id), ("deviceUser", &application.device_user)];
        pairs.extend(
            deprecated
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(name, text)| (name, text.as_str())),
        );
        let call = ProviderCall::new(Method::DELETE, path.to_owned()).query(&pairs);
        let scope = TokenScope::of(ProviderOrigin::Reset, &temp_pass.requestor);
        let call = ProviderCall { origin: ProviderOrigin::Reset, retryable: true, scope, ..call };
        let answer = self.inner.session.send_reset(context, call).await?;
        if answer.status.is_success() { Ok(None) } else { Err(refusal(&answer, false)) }
    }
}
