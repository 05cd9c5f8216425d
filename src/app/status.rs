//! How the server says that it works: to load balancers over gRPC health, and on the operations listener.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{operations::Readiness, upstreams::Upstreams};
use crate::{backend::upstream::CircuitState, domain::port::Store, grpc::HealthBoard};

/// How often the store is asked how it is.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// Where it is said. A cheap handle.
#[derive(Clone, Default)]
pub(super) struct Status {
    pub(super) health: HealthBoard,
    pub(super) readiness: Readiness,
}

impl Status {
    /// Says how the store and the upstreams are, now and, by the task that it returns, again and again.
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

    /// Says that no new calls should be sent here.
    pub(super) fn report_draining(&self) {
        self.health.report_draining();
        self.readiness.set(Err("draining".to_owned()));
    }

    /// Says of each upstream whether it is called. The server itself stays ready: other environments go on.
    fn report_upstreams(&self, upstreams: &Upstreams) {
        let circuits = upstreams.circuits().into_iter();
        let called = circuits.map(|(name, circuit)| (name.to_string(), circuit == CircuitState::Closed));
        self.health.report_upstreams(called.collect());
    }

    /// Says how the store is, where that differs from `before`, and returns whether it works.
    async fn report_store(&self, store: &Store, before: Option<bool>) -> bool {
        let checked = store.health.check().await;
        let works = checked.is_ok();
        if before != Some(works) {
            match &checked {
                Ok(()) if before.is_none() => {}
                Ok(()) => tracing::info!("the store works again"),
                Err(error) => tracing::error!(%error, "the store does not work"),
            }
            self.health.report_store(works);
        }
        self.readiness.set(checked.map_err(|error| error.to_string()));
        works
    }
}
