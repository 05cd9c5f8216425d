//! Reports the server's health: through gRPC health to load balancers, and on the operations listener.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{operations::Readiness, upstreams::Upstreams};
use crate::{backend::upstream::CircuitState, domain::port::Store, grpc::HealthBoard};

/// The interval between two health checks of the store.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// The places where health is reported. A cheap handle.
#[derive(Clone, Default)]
pub(super) struct Status {
    pub(super) health: HealthBoard,
    pub(super) readiness: Readiness,
}

impl Status {
    /// Reports the health of the store and the upstreams now. The returned task keeps both up to date.
    pub(super) async fn watch(&self, store: Store, upstreams: Arc<Upstreams>) -> JoinHandle<()> {
        let mut works = self.report_store(&store, None).await;
        self.report_upstreams(&upstreams);
        let status = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEALTH_INTERVAL).await;
                works = status.report_store(&store, Some(works)).await;
                status.report_upstreams(&upstreams);
            }
        })
    }

    /// Reports that the server drains and takes no new calls.
    pub(super) fn report_draining(&self) {
        self.health.report_draining();
        self.readiness.set(Err("draining".to_owned()));
    }

    /// Reports for each upstream whether its circuit breaker is closed. The server stays ready, since other
    /// environments still work.
    fn report_upstreams(&self, upstreams: &Upstreams) {
        let circuits = upstreams.circuits().into_iter();
        let called = circuits.map(|(name, circuit)| (name.to_string(), circuit == CircuitState::Closed));
        self.health.report_upstreams(called.collect());
    }

    /// Reports the store's health if it differs from `before`. Returns whether the store works.
    async fn report_store(&self, store: &Store, before: Option<bool>) -> bool {
        let checked = store.health.check().await;
        let works = checked.is_ok();
        if before != Some(works) {
            match &checked {
                Ok(()) if before.is_none() => {}
                Ok(()) => tracing::info!("store recovered"),
                Err(error) => tracing::error!(%error, "store health check failed"),
            }
            self.health.report_store(works);
        }
        self.readiness.set(checked.map_err(|error| error.to_string()));
        works
    }
}
