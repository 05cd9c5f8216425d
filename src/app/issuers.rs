//! The configured JWT issuers. An issuer whose configuration does not change survives a reload, with its keys.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::runtime::Handle;

use crate::{
    config::{ConfigError, IssuerKeys, ValidIssuer},
    domain::error::Violation,
    jwks_client::JwksClient,
    service::authentication::{IssuerDependencies, Issuers, JwtIssuer},
};

/// Builds issuers and installs them.
pub(super) struct IssuerFactory {
    known: Issuers,
    parts: IssuerDependencies,
    runtime: Handle,
    present: Mutex<Vec<ValidIssuer>>,
}

/// Issuers that are built but not yet installed.
pub(super) struct BuiltIssuers {
    configured: Vec<ValidIssuer>,
    issuers: BTreeMap<String, Arc<JwtIssuer>>,
}

impl IssuerFactory {
    /// A factory whose issuers fetch their keys on the current runtime.
    pub(super) fn new(parts: IssuerDependencies) -> Self {
        let (known, present) = (Issuers::default(), Mutex::default());
        Self { known, parts, runtime: Handle::current(), present }
    }

    /// The installed issuers.
    pub(super) fn known(&self) -> &Issuers {
        &self.known
    }

    /// The configuration of the installed issuers.
    pub(super) fn configured(&self) -> Vec<ValidIssuer> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Builds the configured issuers.
    ///
    /// # Errors
    /// If an HTTP client cannot be created. Nothing changes then.
    pub(super) fn make(&self, configured: &[ValidIssuer]) -> Result<BuiltIssuers, ConfigError> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.all();
        let mut issuers = BTreeMap::new();
        for (index, issuer) in configured.iter().enumerate() {
            let kept = known.get(&issuer.name).filter(|_| present.contains(issuer));
            let made = match kept {
                Some(kept) => Arc::clone(kept),
                None => self.issuer(issuer).map_err(|text| {
                    ConfigError::of_values(vec![Violation::new(format!("grpc.jwt[{index}].jwks"), text)])
                })?,
            };
            issuers.insert(issuer.name.clone(), made);
        }
        Ok(BuiltIssuers { configured: configured.to_vec(), issuers })
    }

    /// Installs these issuers, replacing the former ones.
    pub(super) fn install(&self, made: BuiltIssuers) {
        let BuiltIssuers { configured, issuers } = made;
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = configured;
        self.known.replace(issuers);
    }

    fn issuer(&self, issuer: &ValidIssuer) -> Result<Arc<JwtIssuer>, String> {
        let ValidIssuer { name, audience, keys } = issuer.clone();
        let parts = self.parts.clone();
        match keys {
            IssuerKeys::Read(set) => Ok(JwtIssuer::fixed(audience, set, parts.clock)),
            IssuerKeys::At(place) => {
                let source = Box::new(JwksClient::new(place)?);
                Ok(JwtIssuer::remote(&name, audience, source, parts, &self.runtime))
            }
        }
    }
}

impl std::fmt::Debug for IssuerFactory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuerFactory").finish_non_exhaustive()
    }
}
