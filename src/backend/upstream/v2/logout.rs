//! Logouts.

use http::{Method, header::LOCATION};
use serde_json::Value;

use super::{ProviderSubject, object};
use crate::{
    backend::upstream::{Upstream, call::ProviderResponse, failure::unreadable, json::text},
    domain::{call::CallContext, entitlement::LogoutAction, error::Result, id::MvpdId},
};

/// Logs devices out.
pub(super) struct Logouts(Upstream);

impl Logouts {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Logs the subject out from an operator. The page for a browser in the result is optional.
    pub(super) async fn of_mvpd(
        &self,
        context: &CallContext,
        subject: &ProviderSubject<'_>,
        mvpd: &MvpdId,
        redirect_url: Option<&str>,
    ) -> Result<LogoutAction> {
        let (upstream, session) = (&self.0.inner, &self.0.inner.session);
        let redirect_url = redirect_url.unwrap_or(upstream.options.url.as_str());
        let call = subject.call(Method::GET, &format!("logout/{mvpd}"));
        let call = call.query(&[("redirectUrl", redirect_url)]);
        let device = call.device;
        let answer = session.send(context, call).await?;
        // A redirect, as in the provider's OpenAPI file.
        if let Some(location) = answer.headers.get(LOCATION).filter(|_| answer.status.is_redirection()) {
            let url = location.to_str().ok().and_then(|url| self.0.page(url));
            return Ok(LogoutAction { mvpd: mvpd.clone(), url });
        }
        if !answer.status.is_success() {
            return Err(session.refusal(&answer, device).await);
        }
        self.read(&answer, mvpd)
    }

    fn read(&self, answer: &ProviderResponse, mvpd: &MvpdId) -> Result<LogoutAction> {
        let body = object(answer)?;
        let logouts = body.get("logouts").and_then(Value::as_object);
        let logouts = logouts.ok_or_else(|| unreadable(answer, "its response has no logouts"))?;
        let url = logouts.get(mvpd.as_str()).and_then(|logout| text(logout, "url"));
        Ok(LogoutAction { mvpd: mvpd.clone(), url: url.and_then(|url| self.0.page(&url)) })
    }
}
