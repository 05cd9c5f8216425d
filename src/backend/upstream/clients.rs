//! A connection pool for each serving thread. A connection is driven by the thread that opened it, so a call over another
//! thread's connection would have to wait for two threads to wake up.

use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::Client;

use super::UpstreamOptions;
use crate::outbound::client_for;

/// The number of pools. Further threads share them.
const POOLS: usize = 64;

/// The pools of one upstream.
pub(super) struct ClientPools {
    options: UpstreamOptions,
    pools: [OnceLock<Client>; POOLS],
    /// The fallback if another client cannot be created. That is not expected, since this one could.
    first: Client,
}

impl ClientPools {
    /// Creates the pools of an upstream.
    ///
    /// # Errors
    /// No client can be created, which depends on the machine's root certificates.
    pub(super) fn new(options: &UpstreamOptions) -> Result<Self, String> {
        let first = client(options).map_err(|error| error.to_string())?;
        Ok(Self { options: options.clone(), pools: [const { OnceLock::new() }; POOLS], first })
    }

    /// Returns the pool of the calling thread.
    pub(super) fn of_this_thread(&self) -> &Client {
        let pool = &self.pools[number_of_this_thread() % POOLS];
        pool.get_or_init(|| client(&self.options).unwrap_or_else(|_| self.first.clone()))
    }
}

/// Numbers the calling threads.
fn number_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        let own = number.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        number.set(Some(own));
        own
    })
}

fn client(options: &UpstreamOptions) -> reqwest::Result<Client> {
    client_for(&[&options.url, &options.reset_url])
        // Shorter than the timeout of the call, to distinguish a call that was not sent from one that was.
        .connect_timeout(options.timeout / 2)
        .pool_max_idle_per_host(options.connections.div_ceil(2))
        .build()
}
