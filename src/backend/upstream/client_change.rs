//! As how many clients of the provider's logins were made last. A login belongs to the client that it was made with, so that
//! devices which had clients of their own are logged out without them. The other way round they stay logged in as ours until
//! they ask for a code.

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

/// Remembers the setting by which logins were made last, for one environment and provider.
pub(super) struct ClientChange {
    environment: EnvironmentName,
    key: LedgerKey,
    present: UpstreamClient,
    ledger: Arc<dyn Ledger>,
    is_kept: AtomicBool,
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
            is_kept: AtomicBool::new(false),
        }
    }

    /// Warns where logins were made by another setting. It is so at each start until a login is made by the present one.
    pub(super) async fn warn(&self) {
        let environment = &self.environment;
        match (self.former().await, self.present) {
            (Ok(Some(UpstreamClient::PerDevice)), UpstreamClient::Shared) => tracing::warn!(%environment,
                "upstream_client has changed to shared: every viewer of the environment has to log in once more, unless it is \
                 changed back"
            ),
            (Ok(Some(UpstreamClient::Shared)), UpstreamClient::PerDevice) => tracing::warn!(%environment,
                "upstream_client has changed to per_device: a device that is logged in stays so until it asks for another code"
            ),
            (Ok(_), _) => {}
            (Err(error), _) => tracing::warn!(%environment, error = %error.operator_message(),
                "whether upstream_client has changed cannot be read"),
        }
    }

    /// A login is being made: from now on the present setting is the one to compare with.
    pub(super) async fn login_begins(&self) {
        if self.is_kept.load(Ordering::Relaxed) {
            return;
        }
        match self.keep().await {
            Ok(()) => self.is_kept.store(true, Ordering::Relaxed),
            // The next login tries again.
            Err(error) => {
                tracing::debug!(error = %error.operator_message(), "upstream_client could not be kept")
            }
        }
    }

    async fn former(&self) -> Result<Option<UpstreamClient>> {
        let Some(entry) = self.ledger.get(&self.key).await? else { return Ok(None) };
        Ok(Some(decode(&entry.value)?))
    }

    async fn keep(&self) -> Result<()> {
        let value = encode(self.present)?;
        let before = self.ledger.get(&self.key).await?.map(|entry| entry.value);
        if before.as_ref() != Some(&value) {
            let entry = LedgerEntry { value, expire_time: None };
            // Who was first in between has written the same, unless two servers are configured differently.
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
    async fn a_setting_that_has_changed_since_logins_were_made_is_warned_of_until_one_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EmbeddedOptions::new(folder.path(), ManualClock::new(Timestamp::from_millis(1)));
        let store = EmbeddedStore::open(EmbeddedOptions { free_space_reserve: 0, ..options }).expect("opens");
        let ledger = store.ports().ledger;
        let started = |present| ClientChange {
            environment: EnvironmentName::parse("environment", "live").expect("is one"),
            key: LedgerKey { kind: LedgerKind::UpstreamClientMode, name: b"live".to_vec() },
            present,
            ledger: Arc::clone(&ledger),
            is_kept: AtomicBool::new(false),
        };
        let log = CapturedLog::of_this_thread();
        let warned = |of: &str| log.text().matches(of).count();
        let (gently, hard) = ("stays so until it asks for another code", "has to log in once more");
        started(UpstreamClient::Shared).warn().await;
        started(UpstreamClient::PerDevice).warn().await;
        assert_eq!((warned(gently), warned(hard)), (0, 0), "nobody has ever logged in");
        started(UpstreamClient::Shared).login_begins().await;
        started(UpstreamClient::Shared).warn().await;
        assert_eq!((warned(gently), warned(hard)), (0, 0));
        for times in 1..=2 {
            started(UpstreamClient::PerDevice).warn().await;
            assert_eq!((warned(gently), warned(hard)), (times, 0), "{}", log.text());
        }
        started(UpstreamClient::PerDevice).login_begins().await;
        started(UpstreamClient::PerDevice).warn().await;
        assert_eq!((warned(gently), warned(hard)), (2, 0));
        started(UpstreamClient::Shared).warn().await;
        assert_eq!((warned(gently), warned(hard)), (2, 1));
    }

    #[test]
    fn the_format_of_the_setting_is_pinned() {
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
