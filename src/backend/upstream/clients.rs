//! A pool of connections for each serving thread: a connection is driven by the thread that opened it, and a call that used
//! another thread's would wait for two of them to wake up.

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

/// How many pools there are. Threads beyond that share them.
const POOLS: usize = 64;

/// The pools of one upstream.
pub(super) struct Clients {
    options: UpstreamOptions,
    pools: [OnceLock<Client>; POOLS],
    /// For when no further one can be made, which the first one shows not to happen.
    first: Client,
}

impl Clients {
    /// Pools for an upstream that is called so.
    ///
    /// # Errors
    /// Where no client can be made, which is a matter of the machine's certificates.
    pub(super) fn new(options: &UpstreamOptions) -> Result<Self, String> {
        let first = client(options).map_err(|error| error.to_string())?;
        Ok(Self { options: options.clone(), pools: [const { OnceLock::new() }; POOLS], first })
    }

    /// The pool of the thread that asks.
    pub(super) fn of_this_thread(&self) -> &Client {
        let pool = &self.pools[number_of_this_thread() % POOLS];
        pool.get_or_init(|| client(&self.options).unwrap_or_else(|_| self.first.clone()))
    }
}

/// The threads that ask, counted.
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
        // Shorter than the call's own, so that it is known whether a call was made.
        .connect_timeout(options.timeout / 2)
        .pool_max_idle_per_host(options.connections.div_ceil(2))
        .build()
}
