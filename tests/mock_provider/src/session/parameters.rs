//! The parameters that a session requires before the login.

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::{answer::Answer, call::Parameters, problem, registration::is_uri, state::Mock};

/// The parameters sent so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionParameters {
    /// The operator.
    pub mvpd: Option<String>,
    /// The domain where the login starts.
    pub domain_name: Option<String>,
    /// The URL to which the viewer's browser is redirected.
    pub redirect_url: Option<String>,
}

impl SessionParameters {
    /// The parameters of a call.
    pub(crate) fn of(parameters: &Parameters) -> Self {
        let get = |name| parameters.get(name).map(str::to_owned);
        Self { mvpd: get("mvpd"), domain_name: get("domainName"), redirect_url: get("redirectUrl") }
    }

    /// These parameters, completed by the earlier ones.
    pub(crate) fn over(self, former: &Self) -> Self {
        Self {
            mvpd: self.mvpd.or_else(|| former.mvpd.clone()),
            domain_name: self.domain_name.or_else(|| former.domain_name.clone()),
            redirect_url: self.redirect_url.or_else(|| former.redirect_url.clone()),
        }
    }

    /// Refuses invalid parameters. There is no error code for an unregistered domain, so it is reported as a missing
    /// integration (assumption). A redirect URL is refused if it is not a URL (assumption).
    pub(crate) fn check(&self, mock: &Mock, service_provider: &str) -> Result<(), Answer> {
        if let Some(mvpd) = &self.mvpd {
            mock.catalog.integrated(service_provider, mvpd)?;
        }
        let settings = &mock.settings;
        let is_registered =
            |domain: &String| settings.accepts_any_domain || settings.domains.contains(domain);
        if self.domain_name.as_ref().is_some_and(|domain| !is_registered(domain)) {
            return Err(problem::INVALID_INTEGRATION.answer());
        }
        let is_place = |url: &String| is_uri(url) && HeaderValue::from_str(url).is_ok();
        if self.redirect_url.as_ref().is_some_and(|url| !is_place(url)) {
            return Err(problem::INVALID_REDIRECT_URL.answer());
        }
        Ok(())
    }

    /// The names of the missing parameters.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.named().into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect()
    }

    /// The parameters that were sent.
    pub(crate) fn existing(&self, service_provider: &str) -> Map<String, Value> {
        let sent = self.named().into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all = sent.chain([("serviceProvider", service_provider)]);
        all.map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    fn named(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("mvpd", self.mvpd.as_deref()),
            ("domainName", self.domain_name.as_deref()),
            ("redirectUrl", self.redirect_url.as_deref()),
        ]
    }
}
