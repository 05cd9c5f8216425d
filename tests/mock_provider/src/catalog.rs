//! The catalog of operators.

use std::rc::Rc;

use serde_json::Value;

use crate::{
    answer::Answer,
    effect::merge,
    mvpd::{Behavior, Mvpd},
    problem,
    trial::TrialLimits,
};

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;

/// All operators, in the order of the configuration response.
#[derive(Debug)]
pub(crate) struct Catalog(Vec<Rc<Mvpd>>);

impl Default for Catalog {
    fn default() -> Self {
        let without_logout = Behavior { has_logout: false, ..Behavior::default() };
        let mvpds = [
            Mvpd::named("Cablevision", "Optimum").on_platform("SUPPORTED", "Cablevision"),
            Mvpd {
                auth_per_aggregator: Some(true),
                auth_per_browser_session: Some(true),
                ..Mvpd::named("Comcast_SSO", "Xfinity").on_platform("PICKER", "Comcast")
            },
            Mvpd { passive_authn_enabled: Some(false), ..Mvpd::named("Spectrum", "Spectrum") },
            Mvpd { behavior: without_logout, ..Mvpd::named("Dish", "DISH") },
            Mvpd { is_proxy: Some(true), ..Mvpd::named("Proxied_Cable", "Proxied Cable") },
            Mvpd { is_proxy: Some(true), ..Mvpd::named("Proxied_Fiber", "Proxied Fiber") },
            Mvpd::temp_pass("TempPass", BASIC),
            Mvpd::temp_pass("TempPass_10min", TrialLimits { duration_ms: 10 * MINUTE, max_resources: None }),
            Mvpd::temp_pass("TempPassREF", PROMOTIONAL),
        ];
        Self(mvpds.into_iter().map(Rc::new).collect())
    }
}

const BASIC: TrialLimits = TrialLimits { duration_ms: 4 * HOUR, max_resources: None };
const PROMOTIONAL: TrialLimits = TrialLimits { duration_ms: 24 * HOUR, max_resources: Some(5) };

impl Catalog {
    /// The operator, if it is integrated with the service provider.
    pub(crate) fn integrated(&self, service_provider: &str, id: &str) -> Result<Rc<Mvpd>, Answer> {
        let mvpd = self.find(id).ok_or_else(|| problem::INVALID_MVPD.answer())?;
        if !mvpd.serves(service_provider) {
            return Err(problem::INVALID_INTEGRATION.answer());
        }
        Ok(mvpd)
    }

    /// The operator. An id that starts like a TempPass is one even if it is not listed.
    pub(crate) fn find(&self, id: &str) -> Option<Rc<Mvpd>> {
        self.listed(id).cloned().or_else(|| {
            let limits = if id.starts_with("TempPassREF") { PROMOTIONAL } else { BASIC };
            id.starts_with("TempPass").then(|| Rc::new(Mvpd::temp_pass(id, limits)))
        })
    }

    /// The operator by its id on a platform.
    pub(crate) fn mapped(&self, platform_id: &str) -> Option<&Rc<Mvpd>> {
        self.0.iter().find(|mvpd| mvpd.platform_mapping_id.as_deref() == Some(platform_id))
    }

    /// The operators that are integrated with the service provider.
    pub(crate) fn of(&self, service_provider: &str) -> impl Iterator<Item = &Mvpd> {
        self.0.iter().map(|mvpd| &**mvpd).filter(move |mvpd| mvpd.serves(service_provider))
    }

    /// All operators.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Mvpd> {
        self.0.iter().map(|mvpd| &**mvpd)
    }

    /// Adds an operator, or applies the patch to an existing one (RFC 7386).
    pub(crate) fn change(&mut self, patch: &Value) -> Result<(), String> {
        let id = patch["id"].as_str().filter(|id| !id.is_empty()).ok_or("an id is missing")?;
        let former = self.find(id).unwrap_or_else(|| Rc::new(Mvpd::named(id, id)));
        let mut changed = serde_json::to_value(&*former).map_err(|error| error.to_string())?;
        merge(&mut changed, patch);
        let changed: Rc<Mvpd> =
            serde_json::from_value(changed).map(Rc::new).map_err(|error| error.to_string())?;
        match self.0.iter_mut().find(|mvpd| mvpd.id == id) {
            Some(mvpd) => *mvpd = changed,
            None => self.0.push(changed),
        }
        Ok(())
    }

    /// Removes an operator.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.retain(|mvpd| mvpd.id != id);
    }

    fn listed(&self, id: &str) -> Option<&Rc<Mvpd>> {
        self.0.iter().find(|mvpd| mvpd.id == id)
    }
}
