//! The issuers of JWTs that the configuration asks for. Those that it changes nothing about live on over a reload, with their
//! keys.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::Certificate;
use tokio::runtime::Handle;

use crate::{
    config::{ConfigError, IssuerKeys, ValidIssuer},
    domain::{clock::SharedClock, error::Violation, randomness::SharedRandomness},
    jwks_client::JwksClient,
    service::authentication::{Issuer, Issuers},
};

/// What makes issuers, and has them known.
pub(super) struct IssuerFactory {
    known: Issuers,
    clock: SharedClock,
    randomness: SharedRandomness,
    runtime: Handle,
    present: Mutex<Vec<ValidIssuer>>,
}

/// Issuers that are made, and not yet known.
pub(super) struct MadeIssuers {
    configured: Vec<ValidIssuer>,
    issuers: BTreeMap<String, Arc<Issuer>>,
}

impl IssuerFactory {
    /// One whose issuers read their keys on the runtime of whoever makes it.
    pub(super) fn new(clock: SharedClock, randomness: SharedRandomness) -> Self {
        let (known, present) = (Issuers::default(), Mutex::default());
        Self { known, clock, randomness, runtime: Handle::current(), present }
    }

    /// Those that are known.
    pub(super) fn known(&self) -> &Issuers {
        &self.known
    }

    /// Makes those that are configured.
    ///
    /// # Errors
    /// Where no client can be made; then nothing changes.
    pub(super) fn make(&self, configured: &[ValidIssuer]) -> Result<MadeIssuers, ConfigError> {
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
        Ok(MadeIssuers { configured: configured.to_vec(), issuers })
    }

    /// Has these known, in the place of those before.
    pub(super) fn install(&self, made: MadeIssuers) {
        let MadeIssuers { configured, issuers } = made;
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = configured;
        self.known.replace(issuers);
    }

    fn issuer(&self, issuer: &ValidIssuer) -> Result<Arc<Issuer>, String> {
        let ValidIssuer { name, audience, keys } = issuer.clone();
        let clock = Arc::clone(&self.clock);
        let (url, ca, token_file) = match keys {
            IssuerKeys::Read(set) => return Ok(Issuer::fixed(audience, set, clock)),
            IssuerKeys::At { url, ca, token_file } => (url, ca, token_file),
        };
        let ca = ca.map(|pem| Certificate::from_pem_bundle(pem.as_bytes())).transpose();
        let source = JwksClient::new(url, ca.map_err(|error| error.to_string())?, token_file)?;
        let randomness = Arc::clone(&self.randomness);
        Ok(Issuer::remote(name, audience, Box::new(source), clock, randomness, &self.runtime))
    }
}

impl std::fmt::Debug for IssuerFactory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuerFactory").finish_non_exhaustive()
    }
}
