//! What a session needs before the viewer can log in.

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::{answer::Answer, call::Parameters, problem, registration::is_uri, state::Mock};

/// The parameters that have been sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionParameters {
    /// Where the viewer is to log in.
    pub mvpd: Option<String>,
    /// Where the login starts.
    pub domain_name: Option<String>,
    /// Where the viewer's browser comes back to.
    pub redirect_url: Option<String>,
}

impl SessionParameters {
    /// Those that a call sends.
    pub(crate) fn of(parameters: &Parameters) -> Self {
        let get = |name| parameters.get(name).map(str::to_owned);
        Self { mvpd: get("mvpd"), domain_name: get("domainName"), redirect_url: get("redirectUrl") }
    }

    /// These, and what they leave out of the former ones.
    pub(crate) fn over(self, former: &Self) -> Self {
        Self {
            mvpd: self.mvpd.or_else(|| former.mvpd.clone()),
            domain_name: self.domain_name.or_else(|| former.domain_name.clone()),
            redirect_url: self.redirect_url.or_else(|| former.redirect_url.clone()),
        }
    }

    /// Refuses what the provider cannot work with. There is no code for a domain that is not registered: it is told as an
    /// integration that does not exist (assumption). A redirect URL is refused when it is no URL (assumption).
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

    /// The names of those that were not sent.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.named().into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect()
    }

    /// Those that were sent.
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
