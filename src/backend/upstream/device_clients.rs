//! One client of the provider for each device, as the provider advises: the loss of a client logs out only one device.
//! A client is registered when the device first requests a code, on the device's behalf and at its request rate, and
//! never deleted.

use std::{convert::Infallible, sync::Arc};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    UpstreamDependencies,
    backoff::Backoffs,
    call::{ActingClient, ProviderCall},
    token::TokenSource,
};
use crate::domain::{error::Result, id::DeviceId};

/// The number of devices whose clients are cached, at about 2 KB each. Other clients are read from the store.
const REMEMBERED: usize = 10_000;

/// The clients of an environment's devices, and the server's client for calls that concern no device.
pub(super) struct DeviceClients {
    server: TokenSource,
    devices: Cache<[u8; 32], TokenSource>,
    refusal: Arc<Backoffs<()>>,
}

impl DeviceClients {
    pub(super) fn new(server: TokenSource, parts: &UpstreamDependencies) -> Self {
        let refusal = Arc::new(Backoffs::new(parts.randomness.clone()));
        Self { server, devices: Cache::new(REMEMBERED), refusal }
    }

    /// Returns the token source of the client that makes a call.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn of(&self, call: &ProviderCall) -> Result<TokenSource> {
        let tokens = match &call.acting {
            ActingClient::Server => return Ok(self.server.clone()),
            ActingClient::Registered(device) => self.cached(device),
            ActingClient::Known(device) => match self.known(device).await? {
                Some(tokens) => tokens,
                None => return Ok(self.server.clone()),
            },
        };
        Ok(tokens.on_behalf_of(call.device))
    }

    fn cached(&self, device: &DeviceId) -> TokenSource {
        let create = || Ok::<_, Infallible>(self.create(device));
        match self.devices.get_or_insert_with(&digest(device), create) {
            Ok(tokens) => tokens,
            Err(never) => match never {},
        }
    }

    /// Returns the token source of a device that has a client. Lookups of devices without one do not evict cached clients.
    async fn known(&self, device: &DeviceId) -> Result<Option<TokenSource>> {
        let tokens = self.devices.get(&digest(device)).unwrap_or_else(|| self.create(device));
        let is_known = tokens.has_client().await?;
        Ok(is_known.then(|| self.cached(device)))
    }

    fn create(&self, device: &DeviceId) -> TokenSource {
        self.server.of_device(device, Arc::clone(&self.refusal))
    }
}

fn digest(device: &DeviceId) -> [u8; 32] {
    Sha256::digest(device.as_str()).into()
}
