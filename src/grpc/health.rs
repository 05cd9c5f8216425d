//! `grpc.health.v1`: the server as a whole (the empty name), each service, and each environment's upstream.
//!
//! `tonic-health` has the messages; its service ends a watch of a name that it does not know with NOT_FOUND, where
//! `health.proto` asks for SERVICE_UNKNOWN and a stream that stays open. So the service is ours.

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

/// The one service that works without the store.
const WITHOUT_STORE: &str = DeviceInfoServiceServer::<device_info::DeviceInfoHandler>::NAME;

/// Before the name of an environment that has an upstream.
const UPSTREAM: &str = "upstream/";

/// The largest request, in bytes: a name, which a watch keeps.
const REQUEST_MAX: usize = 1024;

/// Where the server says how it is. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HealthBoard {
    services: Arc<BTreeSet<String>>,
    state: watch::Sender<HealthInputs>,
}

/// What the status of every name is derived from.
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
    /// Says whether the store works. Device information needs none.
    pub(crate) fn report_store(&self, works: bool) {
        self.change(|state| state.store_works = works);
    }

    /// Says of each environment that has an upstream whether it is called. One that is not listed is unknown from then on.
    pub(crate) fn report_upstreams(&self, upstreams: BTreeMap<String, bool>) {
        self.change(|state| state.upstreams = upstreams);
    }

    /// Says that the server is about to end: nothing serves any more, whatever is reported after this.
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
        let status = status.ok_or_else(|| Status::not_found("no service of this name is known"))?;
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
        // Only what differs: most changes are about other names.
        let mut last = None;
        let changed = statuses.filter(move |status| future::ready(last.replace(*status) != Some(*status)));
        let answers = changed.map(|status| Ok(HealthCheckResponse { status: status.into() }));
        Ok(Response::new(answers.boxed()))
    }
}
