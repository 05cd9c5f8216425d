//! `grpc.health.v1`: the server as a whole (the empty name), each service, and each environment's upstream.
//!
//! The messages are from `tonic-health`. The service is our own, because that of `tonic-health` ends a watch
//! of an unknown name with NOT_FOUND, where `health.proto` requires SERVICE_UNKNOWN and a stream that stays
//! open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, future, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status, server::NamedService};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};

use super::device_info;
use crate::proto::{self, v1::device_info_service_server::DeviceInfoServiceServer};

/// The only service that works without the store.
const WITHOUT_STORE: &str = DeviceInfoServiceServer::<device_info::DeviceInfoHandler>::NAME;

/// The prefix of the name of an environment with an upstream.
const UPSTREAM: &str = "upstream/";

/// The maximum size of a request, in bytes. A watch keeps the name in its request.
const REQUEST_MAX: usize = 1024;

/// The health status of the server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HealthBoard {
    services: Arc<BTreeSet<String>>,
    state: watch::Sender<HealthInputs>,
}

/// The state that the status of each name is derived from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HealthInputs {
    store_works: bool,
    upstreams: BTreeMap<String, bool>,
    is_draining: bool,
}

impl Default for HealthBoard {
    fn default() -> Self {
        Self { services: Arc::new(proto::services()), state: watch::Sender::default() }
    }
}

impl HealthBoard {
    /// Reports whether the store works. The device information service does not depend on it.
    pub(crate) fn report_store(&self, works: bool) {
        self.change(|state| state.store_works = works);
    }

    /// Reports, for each environment with an upstream, whether it is called (the circuit breaker is closed).
    /// Environments that are not listed become unknown.
    pub(crate) fn report_upstreams(&self, upstreams: BTreeMap<String, bool>) {
        self.change(|state| state.upstreams = upstreams);
    }

    /// Reports that the server is shutting down. From then on, the status of every name is NOT_SERVING.
    pub(crate) fn report_draining(&self) {
        self.change(|state| state.is_draining = true);
    }

    fn change(&self, change: impl FnOnce(&mut HealthInputs)) {
        self.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    /// The status of a name, if it is known.
    fn status(&self, state: &HealthInputs, name: &str) -> Option<ServingStatus> {
        let works = match name.strip_prefix(UPSTREAM) {
            Some(environment) => *state.upstreams.get(environment)?,
            None if name == WITHOUT_STORE => true,
            None if name.is_empty() || self.services.contains(name) => state.store_works,
            None => return None,
        };
        let serves = works && !state.is_draining;
        Some(if serves { ServingStatus::Serving } else { ServingStatus::NotServing })
    }

    pub(super) fn into_service(self) -> HealthServer<impl Health> {
        HealthServer::new(self).max_decoding_message_size(REQUEST_MAX)
    }
}

#[tonic::async_trait]
impl Health for HealthBoard {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let status = self.status(&self.state.borrow(), &request.get_ref().service);
        let status = status.ok_or_else(|| Status::not_found("unknown service name"))?;
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (board, name) = (self.clone(), request.into_inner().service);
        let mut changes = self.state.subscribe();
        changes.mark_changed();
        let statuses = stream::unfold((board, changes), move |(board, mut changes)| {
            let name = name.clone();
            async move {
                changes.changed().await.ok()?;
                let status = board.status(&changes.borrow_and_update(), &name);
                Some((status.unwrap_or(ServingStatus::ServiceUnknown), (board, changes)))
            }
        });
        // Most changes are about other names, so only changes of this status are sent.
        let mut last = None;
        let changed = statuses.filter(move |status| future::ready(last.replace(*status) != Some(*status)));
        let answers = changed.map(|status| Ok(HealthCheckResponse { status: status.into() }));
        Ok(Response::new(answers.boxed()))
    }
}
