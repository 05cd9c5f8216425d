//! Detects a change of `upstream_client` after logins were made. A login belongs to the client with which it was made.
//! After a change from `per_device` to `shared`, all devices are logged out. After the opposite change, a device stays
//! logged in with the server's client until it requests a code.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};

use super::{UpstreamClient, UpstreamDependencies, UpstreamOptions};
use crate::{
    domain::{
        error::Result,
        id::EnvironmentName,
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerEntry, LedgerKey},
    },
    format::{self, FormatError, StoredFormat},
};

/// Stores the setting with which the last logins were made, for one environment and provider.
pub(super) struct ClientChange {
    environment: EnvironmentName,
    key: LedgerKey,
    present: UpstreamClient,
    ledger: Arc<dyn Ledger>,
    is_stored: AtomicBool,
}

impl ClientChange {
    pub(super) fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        parts: &UpstreamDependencies,
    ) -> Self {
        let name = [environment.as_str().as_bytes(), options.url.as_str().as_bytes()].join(&0);
        Self {
            environment: environment.clone(),
            key: LedgerKey { kind: LedgerKind::UpstreamClientMode, name },
            present: options.client,
            ledger: Arc::clone(&parts.ledger),
            is_stored: AtomicBool::new(false),
        }
    }

    /// Logs a warning if logins were made with another setting: at each start, until a login is made with the present one.
    pub(super) async fn warn(&self) {
        let environment = &self.environment;
        match (self.stored().await, self.present) {
            (Ok(Some(UpstreamClient::PerDevice)), UpstreamClient::Shared) => tracing::warn!(%environment,
                "upstream_client has changed to shared, every viewer of the environment must log in again unless the change is \
                 reverted"
            ),
            (Ok(Some(UpstreamClient::Shared)), UpstreamClient::PerDevice) => tracing::warn!(%environment,
                "upstream_client has changed to per_device, a device stays logged in until it requests another code"
            ),
            (Ok(_), _) => {}
            (Err(error), _) => tracing::warn!(%environment, error = %error.operator_message(),
                "cannot check whether upstream_client has changed"),
        }
    }

    /// Records that a login starts with the present setting.
    pub(super) async fn record_login(&self) {
        if self.is_stored.load(Ordering::Relaxed) {
            return;
        }
        match self.store().await {
            Ok(()) => self.is_stored.store(true, Ordering::Relaxed),
            // The next login tries again.
            Err(error) => {
                tracing::debug!(error = %error.operator_message(), "cannot store upstream_client")
            }
        }
    }

    async fn stored(&self) -> Result<Option<UpstreamClient>> {
        let Some(entry) = self.ledger.get(&self.key).await? else { return Ok(None) };
        Ok(Some(decode(&entry.value)?))
    }

    async fn store(&self) -> Result<()> {
        let value = encode(self.present)?;
        let before = self.ledger.get(&self.key).await?.map(|entry| entry.value);
        if before.as_ref() != Some(&value) {
            let entry = LedgerEntry { value, expire_time: None };
            // If another server wrote first, it wrote the same value, unless the two are configured differently.
            self.ledger.swap(&self.key, before.as_deref(), Some(entry)).await?;
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
enum UpstreamClientV1 {
    Shared,
    PerDevice,
}

impl StoredFormat for UpstreamClientV1 {
    const NAME: &'static str = "upstream_client_mode";
    const VERSION: u8 = 1;
}

fn encode(client: UpstreamClient) -> std::result::Result<Vec<u8>, FormatError> {
    format::encode(&match client {
        UpstreamClient::Shared => UpstreamClientV1::Shared,
        UpstreamClient::PerDevice => UpstreamClientV1::PerDevice,
    })
}

fn decode(bytes: &[u8]) -> std::result::Result<UpstreamClient, FormatError> {
    Ok(match format::decode(bytes)? {
        UpstreamClientV1::Shared => UpstreamClient::Shared,
        UpstreamClientV1::PerDevice => UpstreamClient::PerDevice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::{ManualClock, Timestamp},
        format::golden,
        store::embedded::{EmbeddedOptions, EmbeddedStore},
        telemetry::CapturedLog,
    };

    #[tokio::test]
    async fn a_changed_setting_is_logged_at_each_start_until_the_next_login() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EmbeddedOptions::new(folder.path(), ManualClock::new(Timestamp::from_millis(1)));
        let store = EmbeddedStore::open(EmbeddedOptions { free_space_reserve: 0, ..options }).expect("opens");
        let ledger = store.ports().ledger;
        let started = |present| ClientChange {
            environment: EnvironmentName::parse("environment", "live").expect("valid"),
            key: LedgerKey { kind: LedgerKind::UpstreamClientMode, name: b"live".to_vec() },
            present,
            ledger: Arc::clone(&ledger),
            is_stored: AtomicBool::new(false),
        };
        let log = CapturedLog::of_this_thread();
        let warned = |of: &str| log.text().matches(of).count();
        let (per_device, shared) = ("changed to per_device", "changed to shared");
        started(UpstreamClient::Shared).warn().await;
        started(UpstreamClient::PerDevice).warn().await;
        assert_eq!((warned(per_device), warned(shared)), (0, 0), "no login was ever made");
        started(UpstreamClient::Shared).record_login().await;
        started(UpstreamClient::Shared).warn().await;
        assert_eq!((warned(per_device), warned(shared)), (0, 0));
        for times in 1..=2 {
            started(UpstreamClient::PerDevice).warn().await;
            assert_eq!((warned(per_device), warned(shared)), (times, 0), "{}", log.text());
        }
        started(UpstreamClient::PerDevice).record_login().await;
        started(UpstreamClient::PerDevice).warn().await;
        assert_eq!((warned(per_device), warned(shared)), (2, 0));
        started(UpstreamClient::Shared).warn().await;
        assert_eq!((warned(per_device), warned(shared)), (2, 1));
    }

    #[test]
    fn the_stored_format_of_the_setting_is_pinned() {
        let encoded = encode(UpstreamClient::PerDevice).expect("encodes");
        golden::check(
            UpstreamClientV1::NAME,
            UpstreamClientV1::VERSION,
            &encoded,
            decode,
            &UpstreamClient::PerDevice,
        );
    }
}
