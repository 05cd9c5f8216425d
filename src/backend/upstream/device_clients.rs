//! A client of the provider's for each device, as the provider advises: a lost one logs out one device, and not all. It is
//! registered when the device first asks for a code, on its behalf and at its pace, and kept for good.

use std::{convert::Infallible, sync::Arc};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    UpstreamDependencies,
    call::{ActingClient, ProviderCall},
    pause::Pauses,
    token::TokenSource,
};
use crate::domain::{error::Result, id::DeviceId};

/// Of how many devices the clients are remembered, at some 2 KB each. Those of others are read from the store again.
const REMEMBERED: usize = 10_000;

/// The clients of an environment's devices, and its own for calls about none.
pub(super) struct DeviceClients {
    server: TokenSource,
    devices: Cache<[u8; 32], TokenSource>,
    refusal: Arc<Pauses<()>>,
}

impl DeviceClients {
    pub(super) fn new(server: TokenSource, parts: &UpstreamDependencies) -> Self {
        let refusal = Arc::new(Pauses::new(parts.randomness.clone()));
        Self { server, devices: Cache::new(REMEMBERED), refusal }
    }

    /// The tokens of the client that a call is made as.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn of(&self, call: &ProviderCall) -> Result<TokenSource> {
        let tokens = match &call.acting {
            ActingClient::Server => return Ok(self.server.clone()),
            ActingClient::Registered(device) => self.remembered(device),
            ActingClient::Known(device) => match self.known(device).await? {
                Some(tokens) => tokens,
                None => return Ok(self.server.clone()),
            },
        };
        Ok(tokens.on_behalf_of(call.device))
    }

    fn remembered(&self, device: &DeviceId) -> TokenSource {
        let made = || Ok::<_, Infallible>(self.made(device));
        match self.devices.get_or_insert_with(&digest(device), made) {
            Ok(tokens) => tokens,
            Err(never) => match never {},
        }
    }

    /// Those of a device that has a client. Whoever asks about others takes no room from these.
    async fn known(&self, device: &DeviceId) -> Result<Option<TokenSource>> {
        let tokens = self.devices.get(&digest(device)).unwrap_or_else(|| self.made(device));
        let is_known = tokens.are_of_known_client().await?;
        Ok(is_known.then(|| self.remembered(device)))
    }

    fn made(&self, device: &DeviceId) -> TokenSource {
        self.server.of_device(device, Arc::clone(&self.refusal))
    }
}

fn digest(device: &DeviceId) -> [u8; 32] {
    Sha256::digest(device.as_str()).into()
}
